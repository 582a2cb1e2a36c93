"""A real nats-server with JetStream in a directory of the test's own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

from waiting import until

ROOT = pathlib.Path(__file__).parents[2]


def binary() -> str | None:
    """The path of nats-server, or None."""
    named = os.environ.get("ARANCINI_NATS_SERVER")
    local = ROOT / ".venv" / "bin" / "nats-server"
    return named or (str(local) if local.exists() else shutil.which("nats-server"))


def missing() -> str | None:
    """Why there is no broker, or None."""
    return None if binary() else "no nats-server: scripts/test installs it into .venv"


class NatsServer:
    """A server on a free port of the caller's network namespace."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._start("-1")

    def restart(self) -> None:
        """Stops the server and starts it again on the same port, with what it had stored."""
        self.close()
        self._start(self.url.rsplit(":", 1)[1])

    def _start(self, port: str) -> None:
        directory = self._directory
        for old in directory.glob("*.ports"):
            old.unlink()
        (directory / "nats.conf").write_text(
            f'listen: "127.0.0.1:{port}"\nports_file_dir: "{directory}"\n'
            f'jetstream {{ store_dir: "{directory}/store", max_file_store: 4GB }}\nmax_payload: 8MB\n'
        )
        self._process = subprocess.Popen(
            [binary(), "-c", directory / "nats.conf"], stdout=open(directory / "nats.log", "a"), stderr=subprocess.STDOUT
        )
        ports = until("nats-server writes its port", lambda: list(directory.glob("*.ports")), 20)[0]
        self.url = until("its ports are readable", lambda: _url(ports), 20)

    def close(self) -> None:
        """Stops the server."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _url(ports: pathlib.Path) -> str | None:
    try:
        return json.loads(ports.read_text())["nats"][0]
    except (ValueError, KeyError, IndexError):
        return None
