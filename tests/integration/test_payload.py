"""The published payload as its consumers read it: pycapnp with the old and the full schema, ClickHouse."""

import pathlib
import subprocess
import shutil

import broker
import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "crates" / "schema"
STREAMS = ("frr-8.4.4-prepost-c0-170k", "gobgp-3.36-pre-allfamilies", "bird-2.17.5-prepost-addpath")


@pytest.fixture(scope="module")
def payloads(tmp_path_factory, need):
    """The messages on updates subjects of three recorded sessions, from a real broker."""
    need(collector.missing() or broker.missing())
    import asyncio

    directory = tmp_path_factory.mktemp("payload")
    server = broker.NatsServer(directory / "nats")
    address = collector.free_address()
    process = collector.Collector(
        directory / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "nats", "--nats", server.url
    )
    try:
        process.wait_ready()
        for name in STREAMS:
            collector.replay(ROOT / "testdata" / f"{name}.bmp.zst", address)
        assert process.stop() == 0, process.log.read_text()[-2000:]
        yield asyncio.run(_all_updates(server.url))
    finally:
        process.close()
        server.close()


async def _all_updates(url: str) -> list[bytes]:
    import nats

    client = await nats.connect(url)
    stream = client.jetstream()
    last = (await stream.stream_info("ARANCINI")).state.last_seq
    subscription = await stream.subscribe(">", stream="ARANCINI", ordered_consumer=True, pending_msgs_limit=-1, pending_bytes_limit=-1)
    out, position = [], 0
    while position < last:
        message = await subscription.next_msg(timeout=30)
        position = message.metadata.sequence.stream
        if message.subject.startswith("arancini.updates."):
            out.append(message.data)
    await client.close()
    return out


def test_both_schemas_read_the_same(payloads):
    """A consumer with the old schema of 31 fields reads what one with the full schema reads."""
    capnp = pytest.importorskip("capnp")
    legacy = capnp.load(str(SCHEMA / "legacy.capnp")).Update
    full = capnp.load(str(SCHEMA / "update.capnp")).Update
    names = list(legacy.schema.fieldnames)
    assert len(names) == 31
    count = 0
    for payload in payloads:
        for old, new in zip(legacy.read_multiple_bytes(payload), full.read_multiple_bytes(payload), strict=True):
            count += 1
            shown = new.to_dict(verbose=True)
            assert old.to_dict(verbose=True) == {name: shown[name] for name in names}
    assert count > 5_000


def test_old_fields_carry_values(payloads):
    """Each of the 31 fields that these sessions can fill is filled somewhere."""
    capnp = pytest.importorskip("capnp")
    legacy = capnp.load(str(SCHEMA / "legacy.capnp")).Update
    # These routers sent none of these.
    never = {"isAdjRibOut", "onlyToCustomer", "originatorId", "clusterList"}
    unset = set(legacy.schema.fieldnames) - never
    for payload in payloads:
        for update in legacy.read_multiple_bytes(payload):
            unset -= {name for name in unset if (value := getattr(update, name)) and (not hasattr(value, "__len__") or len(value))}
            if not unset:
                return
    assert not unset


def test_capnp_tool_reads_them(payloads, tmp_path):
    """`capnp decode` reads messages back to back, as they are in a payload or a segment file."""
    tool = shutil.which("capnp")
    if tool is None:
        pytest.skip("no capnp tool: apt-get install capnproto")
    for schema in ("legacy.capnp", "update.capnp"):
        done = subprocess.run(
            [tool, "decode", "--short", SCHEMA / schema, "Update"], input=b"".join(payloads[:50]), capture_output=True, check=True
        )
        assert done.stdout.count(b"routerAddr = ") >= 50
