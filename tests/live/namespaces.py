"""A small network of the tests' own: one namespace per host, all on one bridge.

Addresses are 10.98.0.N/24 and fd98::N/64. The `hub` (N = 1) holds the bridge, the collector
and the broker; each router has a namespace of its own, since a router's source address is
its identity and FRR refuses next hops that are its own host's.
"""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*arguments: str) -> None:
    """Runs iproute2's `ip`; its complaint becomes the exception's text."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def available() -> str | None:
    """Why namespaces cannot be used here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"arancini-probe-{os.getpid()}"
    try:
        ip("netns", "add", name)
        try:
            ip("-n", name, "link", "add", "br0", "type", "bridge")
        finally:
            ip("netns", "del", name)
    except (OSError, RuntimeError) as error:
        return f"no network namespaces: {error}"
    return None


@contextlib.contextmanager
def inside(name: str):
    """This thread, its sockets and its children are in the namespace meanwhile."""
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
        _set_namespace(there.fileno())
        try:
            yield
        finally:
            _set_namespace(before.fileno())


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """The hub and its hosts; `close` removes everything."""

    def __init__(self) -> None:
        self._prefix = f"arancini-{os.getpid()}"
        self._names: list[str] = []
        self.hub = self._namespace("hub")
        ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        ip("-n", self.hub, "link", "set", "br0", "up")
        self._address(self.hub, "br0", 1)

    def host(self, name: str, number: int) -> str:
        """A new host on the bridge; returns the name of its namespace."""
        namespace = self._namespace(name)
        port = f"v{number}"
        ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self.hub, "link", "set", port, "master", "br0")
        ip("-n", self.hub, "link", "set", port, "up")
        ip("-n", namespace, "link", "set", "eth0", "up")
        self._address(namespace, "eth0", number)
        return namespace

    def close(self) -> None:
        """Removes the namespaces; what runs in them has to be stopped before."""
        for name in reversed(self._names):
            with contextlib.suppress(RuntimeError):
                ip("netns", "del", name)
        self._names.clear()

    def _namespace(self, name: str) -> str:
        namespace = f"{self._prefix}-{name}"
        ip("netns", "add", namespace)
        self._names.append(namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    @staticmethod
    def _address(namespace: str, device: str, number: int) -> None:
        ip("-n", namespace, "addr", "add", f"10.98.0.{number}/24", "dev", device)
        ip("-n", namespace, "-6", "addr", "add", f"fd98::{number}/64", "dev", device, "nodad")
