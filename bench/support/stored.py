"""A data directory with stored updates, and programs whose processor time and memory are measured."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import processes
import rare_attributes

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Time between two looks at the progress of a collector.
LOOK_S = 0.05
# The metrics that together count received route elements.
RECEIVED = ("received_announces_total", "received_withdraws_total")
# A collector that stores nothing for so long has come to its end, or will never.
PATIENCE_S = 60


def build(*arguments):
    """Builds a program of the repository with the release profile. The directory of the programs."""
    if not shutil.which("cargo"):
        sys.exit("cargo is not there: build elsewhere and name the binary with --arancini")
    subprocess.run(["cargo", "build", "--release", "--locked", *arguments], cwd=REPOSITORY, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release"


def own_binary(named):
    """The path of our binary: the named one, or one that is built now."""
    return pathlib.Path(named).resolve() if named else build("-p", "arancini") / "arancini"


class Finished:
    """What a program used: wall seconds, CPU seconds of all its threads, and its largest resident memory in bytes."""

    def __init__(self, seconds, usage, peak_bytes):
        self.seconds = seconds
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_bytes = peak_bytes


def run(command):
    """Runs a program to its end. Leaves this program if the other one fails."""
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # `ru_maxrss` would be that of this program if it is larger. The mark in /proc is gone when the program ends.
    peak_bytes, ended = 0, False
    while not ended:
        peak_bytes = max(peak_bytes, processes.resident_bytes(child.pid, "VmHWM"))
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        time.sleep(0 if ended else LOOK_S)
    said = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)} ended with exit code {child.returncode}: {said}")
    return Finished(time.monotonic() - begin, usage, peak_bytes)


class Collector:
    """A collector with one worker, which keeps the attributes of its routes."""

    def __init__(self, binary, directory, *flags, **settings):
        self.listen, self.control = processes.free_port(), processes.free_port()
        self._log = pathlib.Path(directory) / "collector.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARANCINI_")}
        environment |= {"ARANCINI_RIB__ATTRIBUTES": "retain", **settings}
        addresses = ["--listen", f"127.0.0.1:{self.listen}", "--control", f"127.0.0.1:{self.control}"]
        with open(self._log, "w") as log:
            self.process = subprocess.Popen([binary, "run", *addresses, "--workers", "1", *flags], env=environment, stdout=log, stderr=log)
        self._until("ready", lambda: urllib.request.urlopen(self.url("/readyz"), timeout=5))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connect(self, source):
        """A BMP session from this address of the loopback."""
        return socket.create_connection(("127.0.0.1", self.listen), source_address=(source, 0))

    def take_load(self, binary, directory, load, elements, source):
        """Sends a named load from this address. What is in the load, and the connection, which stays open."""
        with tempfile.TemporaryDirectory(prefix="arancini-load-", dir=directory) as streams:
            command = [binary, "bench", "--write", streams, "--json", "--load", load, "--elements", str(elements)]
            said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            connection = self.connect(source)
            for path in sorted(pathlib.Path(streams).iterdir()):  # "….before.bmp" comes before "….bmp"
                with open(path, "rb") as stream:
                    connection.sendfile(stream)
        return said, connection

    def url(self, path):
        return f"http://127.0.0.1:{self.control}{path}"

    def metric(self, name):
        """The sum of a metric over its labels."""
        page = urllib.request.urlopen(self.url("/metrics"), timeout=20).read().decode()
        return sum(float(value) for value in re.findall(rf"^arancini_{name}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE))

    def cpu_seconds(self):
        return processes.cpu_seconds(self.process.pid)

    def wait_until(self, names, at_least):
        """Waits until the sum of these metrics has this value. Leaves this program if it stands still."""
        value, moved = -1, time.monotonic()
        while value < at_least:
            now = sum(map(self.metric, names))
            if now != value:
                value, moved = now, time.monotonic()
            elif time.monotonic() - moved > PATIENCE_S:
                sys.exit(f"{' + '.join(names)} stands still at {value:,.0f} of {at_least:,}; the log is {self._log}")
            time.sleep(LOOK_S)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait() != 0:
            sys.exit(f"the collector ended with exit code {self.process.returncode}; the log is {self._log}")

    def _until(self, what, is_so):
        begin = time.monotonic()
        while True:
            try:
                return is_so()
            except OSError:
                if self.process.poll() is not None or time.monotonic() - begin > PATIENCE_S:
                    sys.exit(f"the collector is not {what}: {self._log.read_text()[-2000:]}")
                time.sleep(LOOK_S)


def fill(binary, directory, loads, elements, recordings=()):
    """Makes a data directory in `directory`: each named load comes from a router of its own.

    With recordings, these are stored too, and routes with attributes that neither the loads nor the recordings have.
    The path of the data.
    """
    data = pathlib.Path(directory) / "data"
    with Collector(binary, directory, "--sink", "file", "--data-dir", str(data)) as collector:
        received = 0
        connections = []
        for number, load in enumerate(loads, 1):
            said, connection = collector.take_load(binary, directory, load, elements, f"127.0.2.{number}")
            connections.append(connection)
            received += said["elements_before"] + said["elements"]
            collector.wait_until(RECEIVED, received)
        if recordings:
            connections.append(collector.connect("127.0.3.1"))
            connections[-1].sendall(b"".join(rare_attributes.messages()))
        for recording in recordings:
            subprocess.run([binary, "replay", "--to", f"127.0.0.1:{collector.listen}", recording], check=True, capture_output=True)
        for connection in connections:
            connection.close()
        collector.stop()  # stores everything that is received
    return data
