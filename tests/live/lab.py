"""The bench of the live tests: GoBGP A → FRR → GoBGP B, all three with BMP to one collector.

    GoBGP A (AS 65000, .21, Loc-RIB) ── FRR (AS 65001, .11, pre and post) ── GoBGP B (AS 65002, .22, all views)
                       └──────────────────── collector and broker (.1) ───────────────────┘
"""

import pathlib
from collections.abc import Iterable

from broker import NatsServer
from collector import Collector
from frr import Frr
from gobgp import GoBgp
from mrt import Route
from namespaces import Network, inside
from stream_reader import StreamReader
from tables import RouteKey, Table, TableKey, differences, prepended
from waiting import until

HUB = "10.98.0.1"
PORT = 4000
CONTROL = "127.0.0.1:8080"
FRR_AS = 65001
OWN_PREFIX = "192.0.2.0/24"  # in frr.conf


class Lab:
    """Everything started and connected; `close` ends it all."""

    def __init__(self, directory: pathlib.Path, **settings: str) -> None:
        self._settings = settings
        self.directory = directory
        self.network = Network()
        self._started: list = []
        # Whether FRR has sent its Adj-RIB-In pre-policy as a table dump: see `_frr_pre`.
        self.frr_dumped = False
        try:
            self._start(directory)
        except BaseException:
            self.close()
            raise

    def _start(self, directory: pathlib.Path) -> None:
        with inside(self.network.hub):
            self.broker = self._keep(NatsServer(directory / "nats"))
            self.collector = self._keep(
                Collector(
                    directory / "arancini", f"{HUB}:{PORT}", CONTROL,
                    "--workers", "2", "--sink", "nats", "--nats", self.broker.url, "--curation", "attributes",
                    # FRR ends no dump with an End-of-RIB, so the quiet period is what sweeps.
                    ARANCINI_ROUTERS__QUIET_PERIOD_MS=4000,
                    **self._settings,
                )
            )
            self.collector.wait_ready()
            self.reader = StreamReader(self.broker.url)
        target = {"collector": HUB, "port": PORT}
        hosts = {name: self.network.host(name, number) for name, number in (("a", 21), ("b", 22), ("frr", 11))}
        self.a = self._keep(GoBgp(hosts["a"], 21, directory / "a", asn=65000, monitor="local-rib", **target))
        self.b = self._keep(GoBgp(hosts["b"], 22, directory / "b", asn=65002, monitor="all", **target))
        self.frr = self._keep(Frr(hosts["frr"], 11, directory / "frr", asn=FRR_AS, **target))
        until("both GoBGP answer", lambda: self.a.ready() and self.b.ready(), 30)
        self.wait_established()
        # FRR's own route is on the stream: its BMP session is up before the first route comes.
        until("FRR's BMP session is up", lambda: self.held().get(self._own_table()), 60)

    def _keep(self, thing):
        self._started.append(thing)
        return thing

    def close(self) -> None:
        """Stops all, last started first."""
        for thing in reversed(self._started):
            thing.close()
        self._started.clear()
        self.network.close()

    def wait_established(self) -> None:
        """Waits until all four BGP sessions of FRR are up."""
        until("all BGP sessions are up", lambda: len(self.frr.established()) == 4, 150)

    def held(self) -> dict[TableKey, Table]:
        """The tables that a consumer of the stream holds now."""
        with inside(self.network.hub):
            return self.reader.catch_up()

    def shown(self) -> dict[TableKey, Table]:
        """The tables that the routers show now, for every view that they offer."""
        out: dict[TableKey, Table] = {self._own_table(): self._own_route()}
        for family, name, a, b, frr in (
            ("1/1", "ipv4", self.a.address, self.b.address, self.frr.address),
            ("2/1", "ipv6", self.a.address6, self.b.address6, f"fd98::{self.frr.address.rsplit('.')[-1]}"),
        ):
            for speaker, address in ((self.a, a), (self.b, b)):
                pre = TableKey(self.frr.address, address, "adj-rib-in-pre", family)
                post = TableKey(self.frr.address, address, "adj-rib-in-post", family)
                # FRR's BMP puts its own AS number before the path of every route that it had by eBGP.
                out[post] = prepended(self.frr.adj_rib_in_post(name, address), FRR_AS)
                out[pre] = prepended(self._frr_pre(name, address, speaker, frr, out[post]), FRR_AS)
                loc_rib = speaker.table("global", "rib", "-a", name, best_only=True)
                out[TableKey(speaker.address, "", "loc-rib", family)] = loc_rib
            for view, word in (("adj-rib-in-pre", "adj-in"), ("adj-rib-in-post", "accepted")):
                out[TableKey(self.b.address, frr, view, family)] = self.b.table("neighbor", frr, word, "-a", name)
        return out

    def _frr_pre(self, family: str, neighbor: str, speaker: GoBgp, frr: str, post: Table) -> Table:
        """FRR's Adj-RIB-In before policy: the routes as FRR lists them, their attributes as sent to it.

        FRR shows neither communities nor the true MED of these routes, so the attributes are
        those of the neighbor's Adj-RIB-Out. And FRR sends routes that its policy denies only in
        a table dump, not as they come.
        """
        listed = self.frr.adj_rib_in_pre(family, neighbor)
        sent = speaker.table("neighbor", frr, "adj-out", "-a", family)
        table = {}
        for prefix, (path, next_hop) in listed.items():
            route = RouteKey(prefix)
            attributes = sent.get(route)
            if attributes is None or _brief(attributes.as_path) != path or attributes.next_hop != next_hop:
                continue  # not settled yet: the comparison will differ
            if self.frr_dumped or route in post:
                table[route] = attributes
        return table

    def differences(self) -> list[str]:
        """The present differences between stream and routers, and the judge's findings."""
        shown, held = self.shown(), self.held()
        out = list(self.reader.faults)
        for key in sorted(shown.keys() | held.keys(), key=str):
            name = f"{key.router} {key.peer or '-'} {key.view} {key.family}"
            out += differences(name, shown.get(key, {}), held.get(key, {}))
        return out

    def wait_equal(self, seconds: float = 150) -> None:
        """Waits until the tables of the stream equal what every router shows."""
        last: list[str] = []

        def equal() -> bool:
            last[:] = self.differences()
            return not last or bool(self.reader.faults)

        try:
            until("the stream equals the routers' tables", equal, seconds, every=1)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *last])) from None
        assert not self.reader.faults, "\n".join(self.reader.faults)

    def inject(self, speaker: GoBgp, routes: Iterable[Route]) -> None:
        """Gives a speaker routes of its own."""
        speaker.inject(list(routes), self.directory)

    def _own_table(self) -> TableKey:
        return TableKey(self.frr.address, "0.0.0.0", "adj-rib-in-post", "1/1")

    def _own_route(self) -> Table:
        return {RouteKey(OWN_PREFIX): self.frr.own_route(OWN_PREFIX)}


def _brief(as_path) -> str:
    """An AS path as FRR writes it in a list."""
    return " ".join(
        " ".join(map(str, asns)) if kind == "sequence" else "{" + ",".join(map(str, asns)) + "}" for kind, asns in as_path
    )
