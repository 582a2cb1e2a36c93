"""Reads the published stream in order and replays it to tables, as a consumer would.

Every step is judged: a withdraw of a route that is not there, an announce that changes
nothing, or a sequence that does not rise within its subject is an error of the collector.
"""

import asyncio
import pathlib
from collections import Counter, defaultdict

import capnp
import nats
from nats.js.api import ConsumerConfig, DeliverPolicy
from payload import plain
from tables import Attributes, RouteKey, Table, TableKey, address_text, segments, sequence

SCHEMA = pathlib.Path(__file__).parents[2] / "crates" / "schema" / "update.capnp"
VIEWS = {
    "adjRibInPre": "adj-rib-in-pre",
    "adjRibInPost": "adj-rib-in-post",
    "adjRibOutPre": "adj-rib-out-pre",
    "adjRibOutPost": "adj-rib-out-post",
    "locRib": "loc-rib",
}
KINDS = {"asSet": "set", "asSequence": "sequence", "confedSequence": "confed-sequence", "confedSet": "confed-set"}


class Replay:
    """The tables that follow from what has been fed so far."""

    def __init__(self) -> None:
        self.schema = capnp.load(str(SCHEMA))
        self.tables: dict[TableKey, Table] = defaultdict(dict)
        self.faults: list[str] = []
        self.counts: Counter = Counter()
        self._last_sequence: dict[str, int] = {}
        self._fingerprints: dict[tuple[TableKey, RouteKey], int] = {}

    def feed(self, subject: str, payload: bytes) -> None:
        """One message of the broker: any number of updates back to back."""
        kind = subject.split(".")[1]
        if kind != "updates":
            self.counts[kind] += 1
            return
        for update in self.schema.Update.read_multiple_bytes(payload):
            self._apply(subject, update)

    def _apply(self, subject: str, update) -> None:
        table, route = _keys(update)
        held = self.tables[table]
        self.counts["announce" if update.announced else "withdraw"] += 1
        self.counts["synthetic"] += update.synthetic
        if update.sequence <= self._last_sequence.get(subject, -1):
            self._fault(f"{subject}: sequence {update.sequence} after {self._last_sequence[subject]}")
        self._last_sequence[subject] = update.sequence
        if f".{update.afi}_{update.safi}" != subject[subject.rindex(".") :]:
            self._fault(f"{subject}: carries family {update.afi}/{update.safi}")
        if not update.announced:
            if held.pop(route, None) is None:
                self._fault(f"{table} {route}: withdrawn ({update.withdrawReason}), but it was not there")
            self._fingerprints.pop((table, route), None)
            return
        fingerprint = update.attributeFingerprint
        if self._fingerprints.get((table, route)) == fingerprint:
            self._fault(f"{table} {route}: announced again without a change")
        self._fingerprints[table, route] = fingerprint
        held[route] = _attributes(update)

    def _fault(self, text: str) -> None:
        self.counts["faults"] += 1
        if len(self.faults) < 20:
            self.faults.append(text)


class StreamReader:
    """Follows one JetStream stream from its first message.

    Each look has a connection of its own: one left open between two looks is not read meanwhile,
    and the server closes it as a slow consumer when more than its socket holds was published.
    """

    def __init__(self, url: str, stream: str = "ARANCINI") -> None:
        self.replay = Replay()
        self._stream = stream
        self._url = url
        self._position = 0

    def catch_up(self) -> Replay:
        """Reads all that the stream holds now."""
        asyncio.run(self._catch_up())
        return self.replay

    async def _catch_up(self) -> None:
        client = await nats.connect(self._url, max_reconnect_attempts=3)
        try:
            await self._read(client.jetstream())
        finally:
            await client.close()
            # The ordered consumer's watchdog goes on waiting otherwise.
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    async def _read(self, stream) -> None:
        try:
            last = (await stream.stream_info(self._stream)).state.last_seq
        except nats.js.errors.NotFoundError:
            return
        if self._position >= last:
            return
        messages = await stream.subscribe(
            ">",
            stream=self._stream,
            ordered_consumer=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._position + 1),
            pending_msgs_limit=-1,
            pending_bytes_limit=-1,
        )
        while self._position < last:
            message = await messages.next_msg(timeout=30)
            self._position = message.metadata.sequence.stream
            self.replay.feed(message.subject, plain(message))


def _keys(update) -> tuple[TableKey, RouteKey]:
    view = VIEWS[str(update.ribView)]
    return (
        TableKey(
            router=address_text(update.routerAddr),
            peer="" if view == "loc-rib" else address_text(update.peerAddr),
            view=view,
            family=f"{update.afi}/{update.safi}",
            distinguisher=update.peerDistinguisher,
        ),
        RouteKey(
            prefix=f"{address_text(update.prefixAddr)}/{update.prefixLen}" if not update.rawNlri else update.rawNlri.hex(),
            path_id=update.pathId if update.hasPathId else None,
            route_distinguisher=update.routeDistinguisher if update.hasRouteDistinguisher else None,
        ),
    )


def _attributes(update) -> Attributes:
    parts = [(KINDS[str(part.kind)], tuple(part.asns)) for part in update.asPathSegments]
    return Attributes(
        origin=update.origin,
        as_path=segments(parts) if parts else sequence(update.asPath),
        next_hop=address_text(update.nextHop),
        med=update.multiExitDisc if update.hasMultiExitDisc else None,
        communities=frozenset(f"{item.asn}:{item.value}" for item in update.communities),
        large_communities=frozenset(
            f"{item.globalAdmin}:{item.localDataPart1}:{item.localDataPart2}" for item in update.largeCommunities
        ),
        atomic_aggregate=update.atomicAggregate,
        aggregator=(update.aggregatorAsn, _ipv4(update.aggregatorBgpId)) if update.hasAggregator else None,
    )


def _ipv4(value: int) -> str:
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
