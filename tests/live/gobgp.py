"""A live GoBGP in a network namespace of its own, and the tables that it shows."""

import json
import pathlib
import subprocess
from string import Template

from mrt import Route, attributes, write
from tables import Attributes, RouteKey, Table, segments

CONFIGURATION = pathlib.Path(__file__).parent / "gobgp.toml"
ORIGINS = ("IGP", "EGP", "INCOMPLETE")


class GoBgp:
    """A process gobgpd. `monitor` is its BMP policy: pre-policy, post-policy, local-rib or all."""

    def __init__(self, namespace: str, number: int, directory: pathlib.Path, asn: int, **settings: object) -> None:
        self.address = f"10.98.0.{number}"
        self.address6 = f"fd98::{number}"
        self._namespace = namespace
        self._asn = asn
        directory.mkdir()
        text = Template(CONFIGURATION.read_text()).substitute(address=self.address, number=number, asn=asn, **settings)
        (directory / "gobgpd.toml").write_text(text)
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "gobgpd", "-f", directory / "gobgpd.toml", "--api-hosts", "127.0.0.1:50051"],
            stdout=open(directory / "gobgpd.log", "w"), stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        """Stops gobgpd."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def command(self, *arguments: str) -> str:
        """Runs the `gobgp` tool and returns its output."""
        done = subprocess.run(
            ["ip", "netns", "exec", self._namespace, "gobgp", *arguments], capture_output=True, text=True, timeout=300
        )
        if done.returncode != 0:
            raise RuntimeError(f"gobgp {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def ready(self) -> bool:
        """Whether gobgpd answers."""
        try:
            self.command("global")
        except RuntimeError:
            return False
        return True

    def inject(self, routes: list[Route], directory: pathlib.Path) -> None:
        """Adds or replaces routes, in bulk, until the table has them all.

        `gobgp mrt inject` ends while its last batches are on their way and so loses some of
        them: the last routes are sent twice, and what is missing all the same is sent again.
        """
        missing = routes
        for _ in range(20):
            write(directory / "inject.mrt", missing + missing[-1000:] + missing * (1000 // len(missing)), self._asn, self.address)
            self.command("mrt", "inject", "global", str(directory / "inject.mrt"))
            held = self.paths("ipv4") | self.paths("ipv6")
            missing = [route for route in routes if attributes(route) not in held.get(route.prefix, ())]
            if not missing:
                return
        raise AssertionError(f"gobgp does not take {len(missing)} routes, e.g. {missing[0]}")

    def paths(self, family: str) -> dict[str, list[Attributes]]:
        """All paths of its global table."""
        shown = json.loads(self.command("global", "rib", "-a", family, "-j")) or {}
        return {prefix: [_attributes(path["attrs"]) for path in paths] for prefix, paths in shown.items()}

    def add(self, routes: list[Route]) -> None:
        """Adds routes one by one, with path, next hop and communities; these can be withdrawn."""
        for route in routes:
            words = ["nexthop", route.next_hop, "origin", "igp", "aspath", ",".join(map(str, route.as_path))]
            if route.communities:
                words += ["community", ",".join(f"{asn}:{value}" for asn, value in route.communities)]
            self.command("global", "rib", "-a", _family(route.prefix), "add", route.prefix, *words)

    def withdraw(self, prefixes: list[str]) -> None:
        """Withdraws routes that were added one by one. The tool cannot withdraw routes of an MRT dump."""
        for prefix in prefixes:
            self.command("global", "rib", "-a", _family(prefix), "del", prefix)
        # The tool reports no error if it deletes nothing, so look at the table.
        left = (self.own("ipv4") | self.own("ipv6")) & set(prefixes)
        assert not left, f"gobgp keeps {len(left)} routes that were withdrawn, e.g. {min(left)}"

    def own(self, family: str) -> set[str]:
        """The prefixes that it originates."""
        shown = json.loads(self.command("global", "rib", "-a", family, "-j")) or {}
        return {prefix for prefix, paths in shown.items() if any("neighbor-ip" not in path for path in paths)}

    def table(self, *arguments: str, best_only: bool = False) -> Table:
        """A table as the tool shows it, e.g. `neighbor X adj-in -a ipv4`."""
        shown = json.loads(self.command(*arguments, "-j"))
        table: Table = {}
        for prefix, paths in (shown or {}).items():
            for path in paths:
                if not best_only or path.get("best"):
                    table[RouteKey(prefix)] = _attributes(path["attrs"])
        return table


def _family(prefix: str) -> str:
    return "ipv6" if ":" in prefix else "ipv4"


def _attributes(shown: list[dict]) -> Attributes:
    by_type = {attribute["type"]: attribute for attribute in shown}
    kinds = {1: "set", 2: "sequence", 3: "confed-sequence", 4: "confed-set"}
    next_hop = by_type.get(3) or by_type.get(14) or {}
    aggregator = by_type.get(7)
    return Attributes(
        origin=ORIGINS[by_type[1]["value"]],
        as_path=segments((kinds[part["segment_type"]], part["asns"]) for part in by_type.get(2, {}).get("as_paths") or []),
        next_hop=next_hop.get("nexthop", ""),
        med=by_type.get(4, {}).get("metric"),
        communities=frozenset(f"{value >> 16}:{value & 0xFFFF}" for value in by_type.get(8, {}).get("communities", [])),
        large_communities=frozenset(
            f"{value['ASN']}:{value['LocalData1']}:{value['LocalData2']}" for value in by_type.get(32, {}).get("value", [])
        ),
        atomic_aggregate=6 in by_type,
        aggregator=(aggregator["as"], aggregator["address"]) if aggregator else None,
    )
