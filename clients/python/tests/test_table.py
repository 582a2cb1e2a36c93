"""The tables of the package are those of the judge, through everything that happens to a stream and its readers."""

import asyncio
import contextlib
import subprocess
import sys

import broker
import collector
import judge
import pytest
from arancini_client import ResyncError, Table, follow, resync
from bmp import PEER_UP, ROOT, Router, peer_down, recorded
from reading import batches, judged, routes, table_of, until

FIRST, SECOND = "frr-8.4.4-prepost-c0-170k", "bird-2.17.5-prepost-addpath"
SETTINGS = {
    "ARANCINI_RIB__ATTRIBUTES": "retain", "ARANCINI_PUBLISH__COMPRESSION": "lz4", "ARANCINI_ROUTERS__QUIET_PERIOD_MS": 200,
}


class Bed:
    """A broker, a collector and its routers."""

    def __init__(self, directory) -> None:
        self._directory = directory
        self.server = broker.NatsServer(directory / "nats")
        self.routers: dict[int, Router] = {}
        self.collector = None

    def start(self, name: str) -> None:
        """Starts a collector that knows nothing of others."""
        self.address, control = collector.free_address(), collector.free_address()
        self.control = f"http://{control}"
        self.collector = collector.Collector(
            self._directory / name, self.address, control, "--workers", "1", "--sink", "nats", "--nats", self.server.url,
            ARANCINI_COLLECTOR_NAME=name, **SETTINGS,
        )
        self.collector.wait_ready()

    def stop(self) -> None:
        """Stops the collector. Everything that it took is published then."""
        assert self.collector.stop() == 0, self.collector.log.read_text()[-2000:]

    def connect(self, number: int) -> Router:
        """Connects a router."""
        self.routers[number] = Router(number, self.address)
        return self.routers[number]

    def judged(self) -> dict:
        """The tables as the judge has them."""
        return judged(judge.judge("--nats", self.server.url))

    def purge(self, keep_from: int) -> None:
        """Removes the messages before a stream sequence, as a limit of the stream does."""

        async def run() -> None:
            import nats

            client = await nats.connect(self.server.url)
            await client.jetstream().purge_stream("ARANCINI", seq=keep_from)
            await client.close()

        asyncio.run(run())

    def close(self) -> None:
        for router in self.routers.values():
            router.close()
        if self.collector:
            self.collector.close()
        self.server.close()


@pytest.fixture
def bed(tmp_path, need):
    need(broker.missing() or collector.missing() or judge.missing())
    running = Bed(tmp_path)
    yield running
    running.close()


def is_end_of_resync(address: str):
    """Whether a record ends a resync of a router."""
    return lambda record: record["type"] == "router" and record["kind"] == "resync-end" and record["routerAddr"] == address


def ends_of_resyncs(url: str) -> list[bool]:
    """What each end of a resync says: whether all that is gone is withdrawn."""
    records = [record for batch in batches(url) for record in batch if record["type"] == "router"]
    return [record["allWithdrawn"] for record in records if record["kind"] == "resync-end"]


def test_tables_are_right_through_the_life_of_a_stream(bed):
    bed.start("first")
    messages = {1: recorded(FIRST), 2: recorded(SECOND)}
    for number, recording in messages.items():
        bed.connect(number).send(recording)
    # A resync on request says when the dumps are in the stream.
    first, second = bed.routers[1].address, bed.routers[2].address
    ups = [message for message in messages[1] if message[5] == PEER_UP]
    table = until(bed.server.url, lambda record: record["type"] == "peer" and record["kind"] == "up")
    bed.routers[1].send([peer_down(ups[0])])
    table = until(bed.server.url, lambda record: record["type"] == "peer" and record["kind"] == "down", table)
    # The router dumps again: the peer comes back, and everything is churned.
    bed.routers[1].send(messages[1])
    restarted_at = table.position

    # A resync, and a restart of the consumer in the midst of it.
    resync_when_settled(bed, first)
    table = until(bed.server.url, is_end_of_resync(first), table)
    assert table.position > restarted_at
    assert ends_of_resyncs(bed.server.url) == [True], "the collector has published everything by itself"
    bed.stop()
    table = table_of(bed.server.url, table)
    assert routes(table) == bed.judged()
    assert table.whole and table.missing() == [] and table.counts["swept"] == 0
    assert {router["routerAddr"] for router in table.routers()} == {first, second}

    # Another collector: it does not know what the first one has published, so its routers are resynced.
    for router in bed.routers.values():
        router.close()
    bed.start("second")
    for number, recording in messages.items():
        # Router 1 comes back without the second half of its routes.
        half = recording[: len(recording) // 2] if number == 1 else recording
        bed.connect(number).send(half)
    ended = set()

    def both(record: dict) -> bool:
        if record["type"] == "router" and record["kind"] == "resync-end":
            ended.add(record["routerAddr"])
        return ended == {first, second}

    table = until(bed.server.url, both, table)
    resync_when_settled(bed, second)
    table = until(bed.server.url, is_end_of_resync(second), table)
    assert table.counts["swept"] > 0
    assert ends_of_resyncs(bed.server.url) == [True, False, False, True]
    assert routes(table) == bed.judged() == routes(table_of(bed.server.url))

    # A newcomer, after the old messages have aged out.
    bed.purge(table.position - 2)
    newcomer = table_of(bed.server.url)
    assert newcomer.gap and not newcomer.whole and routes(newcomer) != routes(table)
    assert [problem.remedy for problem in newcomer.missing()]
    assert all("arancini resync 127.0.1." in problem.remedy for problem in newcomer.missing())
    ended.clear()
    control = bed.control
    counts = resync(control)
    newcomer = until(bed.server.url, both, newcomer)
    assert newcomer.whole and newcomer.missing() == []
    assert sum(counts.values()) == len(newcomer)
    assert routes(newcomer) == routes(table_of(bed.server.url, table))
    slim = table_of(bed.server.url, Table(attributes=False))
    assert {route["attributeFingerprint"] for route in slim.routes()} == {
        route["attributeFingerprint"] for route in newcomer.routes()
    }
    with pytest.raises(ResyncError, match="192.0.2.77"):
        resync(bed.control, "192.0.2.77")


def resync_when_settled(bed: Bed, router: str) -> None:
    """Asks for a resync as soon as the collector gives one."""
    from waiting import until as wait_until

    def asked() -> bool:
        try:
            return bool(resync(bed.control, router))
        except ResyncError as error:
            assert "resync" in str(error), error
            return False

    wait_until(f"{router} is resynced", asked, 30)


def test_a_durable_consumer_goes_on_behind_what_it_took(bed):
    bed.start("only")
    bed.connect(1).send(recorded(FIRST))
    until(bed.server.url, lambda record: record["type"] == "update")
    bed.stop()
    whole = batches(bed.server.url)

    async def take(count: int) -> list[int]:
        taken = []
        async with contextlib.aclosing(follow(bed.server.url, durable="books", stop_at_end=True)) as following:
            async for batch in following:
                taken.append(batch.stream_sequence)
                if len(taken) > count:  # the last one is given back
                    break
        return taken

    first, rest = asyncio.run(take(3)), asyncio.run(take(len(whole)))
    assert sorted(first[:-1] + rest) == [batch.stream_sequence for batch in whole]
    assert asyncio.run(take(len(whole))) == []
    # A table that begins there says that it is not whole.
    bed.start("again")
    bed.connect(1).send(recorded(FIRST))

    async def continued() -> Table:
        table = Table()
        async for batch in follow(bed.server.url, durable="books"):
            table.apply(batch)
            return table

    assert "are missing" in asyncio.run(continued()).gap


def test_following_goes_on_when_the_server_restarts(bed):
    bed.start("only")
    bed.connect(1).send(recorded(FIRST))
    until(bed.server.url, lambda record: record["type"] == "update")
    bed.stop()
    expected = [batch.stream_sequence for batch in batches(bed.server.url)]

    async def read() -> list[int]:
        found = []
        async for batch in follow(bed.server.url, reconnect_time_wait=0.1):
            found.append(batch.stream_sequence)
            if len(found) == 3:
                await asyncio.to_thread(bed.server.restart)
            if batch.stream_sequence == expected[-1]:
                return found

    assert asyncio.run(asyncio.wait_for(read(), 120)) == expected


def test_the_example_of_the_readme_prints_the_table(bed):
    package = ROOT / "clients" / "python"
    example = package / "examples" / "current_table.py"
    assert example.read_text() in (package / "README.md").read_text()
    bed.start("only")
    bed.connect(1).send(recorded(FIRST))
    table = until(bed.server.url, lambda record: record["type"] == "update")
    bed.stop()
    table = table_of(bed.server.url, table)
    prefix = next(route["prefix"] for route in table.routes())
    done = subprocess.run(
        [sys.executable, example, bed.server.url, prefix], check=True, capture_output=True, text=True, timeout=60
    )
    count, *lines = done.stdout.splitlines()
    assert count == f"{len(table)} routes, up to message {table.position} of the stream"
    assert len(lines) == len(list(table.routes(prefix))) > 0
