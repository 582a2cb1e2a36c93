"""What measured programs need and use: free ports, processor time, resident memory. All from /proc."""

import os
import pathlib
import re
import socket


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of all threads of a process. Times of threads are exact; the process' time includes ended threads."""
    proc = pathlib.Path(f"/proc/{pid}")
    fields = (proc / "stat").read_text().rsplit(") ", 1)[1].split()
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    running = 0
    for thread in (proc / "task").iterdir():
        try:
            running += int((thread / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return max(ticks, running / 1e9)


def resident_bytes(pid, mark="VmRSS"):
    """The resident memory of a process, or with the mark `VmHWM` the largest that it had; 0 if it has ended."""
    found = re.search(rf"^{mark}:\s+(\d+) kB$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0
