"""What is no batch is reported with its remedy, and the others go on."""

import asyncio

import pytest
from arancini_client import SCHEMA, Batch, BatchError, FollowError, Table, follow
from reading import batches, table_of

ADDRESS = bytes(10) + b"\xff\xff\xc0\x00\x02\x00"
SUBJECT = "bad.updates.v4_192_0_2_0.64512.1_1"
HEADERS = {"Arancini-Collector": "c", "Arancini-Schema": "3"}


@pytest.fixture(scope="module")
def update():
    capnp = pytest.importorskip("capnp")
    schema = capnp.load(str(SCHEMA)).Update

    def make(sequence: int, **fields) -> bytes:
        message = schema.new_message(prefixLen=24, announced=True, afi=1, safi=1, sequence=sequence, **fields)
        message.routerAddr = message.peerAddr = message.prefixAddr = message.nextHop = ADDRESS
        return message.to_bytes()

    return make


async def publish(url: str, messages: list[tuple[str, bytes, dict | None]], name: str = "BAD") -> None:
    import nats

    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name=name, subjects=[f"{name.lower()}.>"])
    for subject, data, headers in messages:
        await stream.publish(subject, data, headers=headers)
    await client.close()


def test_each_bad_message_has_a_remedy_and_the_others_go_on(server, update):
    messages = [
        (SUBJECT, update(1), HEADERS),
        ("bad.something.else", b"hello", HEADERS),
        (SUBJECT, b"hello", None),
        (SUBJECT, update(2), HEADERS | {"Content-Encoding": "br"}),
        (SUBJECT, b"no LZ4 frame", HEADERS | {"Content-Encoding": "lz4"}),
        (SUBJECT, b"no message", HEADERS),
        (SUBJECT, update(3), HEADERS | {"Arancini-Schema": "6"}),
        (SUBJECT, update(4) + update(5)[:40], HEADERS),
        ("bad.fence.c", b"", HEADERS),
        (SUBJECT, update(6), HEADERS),
    ]
    asyncio.run(publish(server.url, messages))
    problems = []
    table = table_of(server.url, stream="BAD", base="bad", on_problem=problems.append)
    problems.sort(key=lambda problem: problem.stream_sequence)
    assert [(problem.stream_sequence, problem.cause) for problem in problems] == [
        (2, "its subject is none of a collector's"),
        (3, "no collector has published it"),
        (4, 'unknown Content-Encoding "br"'),
        (5, problems[3].cause),
        (6, problems[4].cause),
        (7, "its schema 6 is newer than schema 5 of this package, so fields may be left out"),
        (8, problems[-1].cause),
    ]
    assert "damaged lz4 payload" in problems[3].cause and "is not Cap'n Proto" in problems[4].cause
    assert "cut off" in problems[-1].cause
    assert all(problem.remedy and problem.subject for problem in problems)
    assert "upgrade" in problems[2].remedy
    # Updates 1, 3, 4 and 6 were taken.
    assert table.counts["announces"] == 4 and len(table) == 1
    assert not table.whole and "192.0.2.0" in str(table.missing()[0])
    records = [record["sequence"] for batch in batches(server.url, stream="BAD", base="bad", on_problem=lambda _: None) for record in batch]
    assert records == [1, 3, 4, 6]


@pytest.mark.parametrize("status", ["100", "404", "409"])
def test_a_message_with_the_header_status_does_not_stop_the_follower(server, update, status):
    name = f"STATUS{status}"
    messages = [(f"{name.lower()}.something.else", b"", {"Status": status}), (SUBJECT.replace("bad", name.lower()), update(1), HEADERS)]
    asyncio.run(publish(server.url, messages, name))
    problems = []
    table = asyncio.run(asyncio.wait_for(followed(server.url, name, problems), 30))
    assert [(problem.stream_sequence, problem.cause) for problem in problems] == [(1, "no collector has published it")]
    assert len(table) == 1


async def followed(url: str, name: str, problems: list) -> Table:
    table = Table()
    async for batch in follow(url, name, base=name.lower(), stop_at_end=True, on_problem=problems.append):
        table.apply(batch)
    return table


def test_a_stream_that_cannot_be_read_says_what_to_do(server):
    async def read(url: str) -> None:
        async for _ in follow(url, "NOWHERE", stop_at_end=True):
            pass

    with pytest.raises(FollowError, match="there is no stream NOWHERE; .*stream create"):
        asyncio.run(read(server.url))
    with pytest.raises(FollowError, match="can't be reached"):
        asyncio.run(asyncio.wait_for(read_unreachable(), 30))


async def read_unreachable() -> None:
    async for _ in follow("nats://127.0.0.1:1", allow_reconnect=False, connect_timeout=1):
        pass


def test_a_batch_of_another_base_is_refused():
    with pytest.raises(BatchError, match="subject_base"):
        Batch("other.routers.v4_192_0_2_1", b"", print)


def test_a_wrong_filter_is_an_error():
    table = Table()
    with pytest.raises(ValueError, match="is no prefix"):
        table.routes_of("192.0.2.1", 0, "192.0.2.0")


@pytest.mark.parametrize(
    ("prefix", "filters", "text"),
    [
        ("192.0.2.0", {}, "has no length; write it like 192.0.2.0/24"),
        ("192.0.2.1/24", {}, "host bits"),
        ("192.0.2.0/33", {}, "is no prefix"),
        (None, {"router": "router-1"}, "router='router-1' is no address; write it like"),
        (None, {"peer": "64512"}, "peer='64512' is no address"),
        (None, {"view": "adj-rib-in"}, "view='adj-rib-in' is no view; write one of adj-rib-in-pre, .*loc-rib"),
        (None, {"family": "ipv4"}, "family='ipv4' is no family; .*1/1 is IPv4 unicast"),
    ],
)
def test_a_filter_that_matches_nothing_ever_is_an_error_and_not_an_empty_answer(prefix, filters, text):
    with pytest.raises(ValueError, match=text):
        Table().routes(prefix, **filters)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"begin": "start"}, "begin='start' is no place in a stream; write \"beginning\", \"new\""),
        ({"begin": -1}, "begin=-1 is no place"),
        ({"begin": True}, "begin=True is no place"),
        ({"begin": None}, "begin=None is no place"),
        ({"subjects": "arancini.updates.>"}, r"is one text; write a list: \['arancini.updates.>'\]"),
        ({"subjects": ["arancini.updates.> "]}, "is no subject; write one like arancini.updates.>"),
        ({"subjects": ["arancini..x"]}, "is no subject"),
        ({"subjects": ["arancini.>.x"]}, "is no subject"),
        ({"subjects": [7]}, "has 7, which is no subject"),
        ({"subjects": ["updates.>"]}, "all messages of the collector are below arancini.;"),
    ],
)
def test_a_begin_or_a_subject_that_means_nothing_is_an_error_and_not_silence(arguments, text):
    async def read() -> None:
        async for _ in follow("nats://127.0.0.1:1", **arguments):
            pass

    with pytest.raises(ValueError, match=text):
        asyncio.run(read())


def test_a_begin_behind_the_end_of_the_stream_is_an_error_and_not_silence(server, update):
    messages = [(SUBJECT.replace("bad", "short"), update(1), HEADERS)]
    asyncio.run(publish(server.url, messages, "SHORT"))
    assert batches(server.url, stream="SHORT", base="short", begin=1) == []
    with pytest.raises(FollowError, match="stream SHORT ends at 1, before begin=2: .*made anew; begin with an empty table"):
        batches(server.url, stream="SHORT", base="short", begin=2)


def test_a_router_that_is_gone_is_not_missing(update):
    capnp = pytest.importorskip("capnp")
    schema = capnp.load(str(SCHEMA))

    def event(sequence: int, kind: str) -> Batch:
        message = schema.RouterEvent.new_message(kind=kind, sequence=sequence, routerAddr=ADDRESS)
        return batch("arancini.routers.v4_192_0_2_0", message.to_bytes(), sequence)

    def batch(subject: str, payload: bytes, sequence: int) -> Batch:
        place = {"stream_sequence": sequence, "missing_until": 9, "stream_created": "now", "stored_ns": 1}
        return Batch(subject, payload, print, collector="c", **place)

    table = Table()
    table.apply(batch("arancini.updates.v4_192_0_2_0.64512.1_1", update(10), 10))
    assert "arancini resync 192.0.2.0" in table.missing()[0].remedy
    table.apply(event(11, "lost"))
    assert not table.whole and "table.forget('192.0.2.0')" in table.missing()[0].remedy
    assert table.forget("192.0.2.0") and not table.forget("192.0.2.0")
    assert table.whole and table.missing() == [] and len(table) == 0
    with pytest.raises(ValueError, match="is no address of a router"):
        table.forget("router-1")
    # It comes back, and leaves without a route.
    table.apply(event(12, "sessionOpened"))
    assert not table.whole and len(table.missing()) == 1
    table.apply(event(13, "lost"))
    assert table.whole and table.missing() == []
