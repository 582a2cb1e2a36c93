"""The collector under test as a process, and its control port."""

import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from waiting import until

ROOT = pathlib.Path(__file__).parents[2]


def binary() -> str | None:
    """The path of the built `arancini`, or None."""
    named = os.environ.get("ARANCINI_BIN")
    built = ROOT / "target" / "release" / "arancini"
    path = pathlib.Path(named) if named else built
    return str(path) if path.exists() else None


def missing() -> str | None:
    """Why there is no collector, or None."""
    return None if binary() else "no arancini binary: cargo build --release, or set ARANCINI_BIN"


def free_address() -> str:
    """A loopback address with a port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def replay(stream: pathlib.Path, to: str) -> None:
    """Sends a recorded stream to a collector, then ends the session."""
    subprocess.run([binary(), "replay", "--to", to, stream], check=True, capture_output=True, timeout=120)


class Collector:
    """A process `arancini run` in the caller's network namespace."""

    def __init__(self, directory: pathlib.Path, listen: str, control: str, *flags: str, **settings: object) -> None:
        directory.mkdir()
        self.log = directory / "arancini.log"
        self._control = control
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARANCINI_")}
        environment |= {name: str(value) for name, value in settings.items()}
        self.process = subprocess.Popen(
            [binary(), "run", "--listen", listen, "--control", control, "--data-dir", directory / "data", *flags],
            stdout=open(directory / "arancini.out", "w"), stderr=open(self.log, "w"), env=environment,
        )

    def wait_ready(self) -> None:
        """Waits until /readyz reports that the collector is ready."""
        until("the collector is ready", self._ready, 30)

    def get(self, path: str) -> str:
        """The body of a page of the control port."""
        with urllib.request.urlopen(f"http://{self._control}{path}", timeout=5) as answer:
            return answer.read().decode()

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def close(self) -> None:
        """Kills the process, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"arancini run ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
        try:
            self.get("/readyz")
        except (OSError, urllib.error.URLError):
            return False
        return True
