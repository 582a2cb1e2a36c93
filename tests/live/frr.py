"""A live FRR bgpd with BMP in a network namespace of its own, and the tables that it shows."""

import json
import pathlib
import socket
import subprocess
import time
from string import Template

from tables import Attributes, RouteKey, Table, segments

BGPD = "/usr/lib/frr/bgpd"
CONFIGURATION = pathlib.Path(__file__).parent / "frr.conf"


class Frr:
    """bgpd without zebra. Commands go over its vty socket, as vtysh sends them."""

    def __init__(self, namespace: str, number: int, directory: pathlib.Path, **settings: object) -> None:
        self.address = f"10.98.0.{number}"
        self._namespace = namespace
        self._directory = directory
        self._directory.mkdir()
        text = Template(CONFIGURATION.read_text()).substitute(address=self.address, number=number, directory=directory, **settings)
        (directory / "bgpd.conf").write_text(text)
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, BGPD, "-f", directory / "bgpd.conf", "-M", "bmp", "-p", "179", "-n", "-Z", "-S",
             "-i", directory / "bgpd.pid", "--vty_socket", directory],
            stdout=open(directory / "bgpd.out", "w"), stderr=subprocess.STDOUT,
        )
        self._vty = self._connect()
        self.command("enable")

    def close(self) -> None:
        """Stops bgpd."""
        self._vty.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def command(self, text: str) -> str:
        """Runs a command and returns its output. A refused command raises."""
        self._vty.sendall(text.encode() + b"\0")
        answer = bytearray()
        # The answer ends with three zero bytes and the status.
        while (end := answer.find(b"\0\0\0")) < 0 or len(answer) < end + 4:
            part = self._vty.recv(1 << 20)
            if not part:
                raise RuntimeError(f"bgpd went away during {text!r}; see {self._directory}")
            answer += part
        said, status = answer[:end].decode(), answer[end + 3]
        if status != 0:
            raise RuntimeError(f"bgpd refuses {text!r}: status {status}, {said}")
        return said

    def configure(self, *lines: str) -> None:
        """Runs configuration commands from the top level."""
        self.command("configure terminal")
        for line in lines:
            self.command(line)
        self.command("end")

    def established(self) -> dict[str, int]:
        """The number of received prefixes of each neighbor whose session is up."""
        out = {}
        for family in ("ipv4", "ipv6"):
            peers = json.loads(self.command(f"show bgp {family} unicast summary json")).get("peers", {})
            out |= {name: peer["pfxRcd"] for name, peer in peers.items() if peer["state"] == "Established"}
        return out

    def adj_rib_in_pre(self, family: str, neighbor: str) -> dict[str, tuple[str, str]]:
        """Prefix to (AS path, next hop) before policy.

        `received-routes` shows no communities, and shows the MED as the route map would set
        it: the other attributes have to be compared with what the neighbor sent.
        """
        shown = json.loads(self.command(f"show bgp {family} unicast neighbors {neighbor} received-routes json"))
        routes = shown.get("receivedRoutes", {})
        return {prefix: (route["path"], _next_hop_brief(route)) for prefix, route in routes.items()}

    def adj_rib_in_post(self, family: str, neighbor: str) -> Table:
        """The accepted routes of a neighbor with all their attributes."""
        shown = json.loads(self.command(f"show bgp {family} unicast neighbors {neighbor} routes json"))
        table: Table = {}
        for prefix in shown.get("routes", {}):
            detail = json.loads(self.command(f"show bgp {family} unicast {prefix} json"))
            for path in detail.get("paths", []):
                if path["peer"]["peerId"] == neighbor:
                    table[RouteKey(prefix)] = _attributes(path)
        return table

    def own_route(self, prefix: str) -> Attributes:
        """A route of its own `network` statement."""
        detail = json.loads(self.command(f"show bgp ipv4 unicast {prefix} json"))
        return next(_attributes(path) for path in detail["paths"] if path["peer"]["peerId"] == "0.0.0.0")

    def clear(self, neighbor: str) -> None:
        """Resets a session: FRR sends a Peer Down, then the neighbor's routes again."""
        self.command(f"clear bgp {neighbor}")

    def connect_bmp(self, collector: str, port: int, connect: bool) -> None:
        """Starts or ends the BMP session."""
        target = f"bmp connect {collector} port {port} min-retry 100 max-retry 1000"
        self.configure("router bgp", "bmp targets COLLECTOR", target if connect else f"no {target}")

    def _connect(self) -> socket.socket:
        path = self._directory / "bgpd.vty"
        deadline = time.monotonic() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
                return connection
            except OSError as error:
                connection.close()
                if time.monotonic() > deadline or self._process.poll() is not None:
                    said = (self._directory / "bgpd.out").read_text()
                    raise RuntimeError(f"bgpd did not start: {error}: {said}") from error
                time.sleep(0.05)


def _next_hop_brief(route: dict) -> str:
    return route.get("nextHopGlobal") or route["nextHop"]


def _attributes(path: dict) -> Attributes:
    kinds = {"as-sequence": "sequence", "as-set": "set", "as-confed-sequence": "confed-sequence", "as-confed-set": "confed-set"}
    aggregator = path.get("aggregatorAs")
    return Attributes(
        origin=path["origin"].upper(),
        as_path=segments((kinds[part["type"]], part["list"]) for part in path["aspath"].get("segments", [])),
        next_hop=next(hop["ip"] for hop in path["nexthops"] if hop.get("scope", "global") == "global"),
        med=path.get("metric"),
        communities=frozenset(path.get("community", {}).get("list", [])),
        large_communities=frozenset(path.get("largeCommunity", {}).get("list", [])),
        atomic_aggregate=path.get("atomicAggregate", False),
        aggregator=(aggregator, path["aggregatorId"]) if aggregator else None,
    )
