"""Compressed batches, read by the standard LZ4 and Zstandard libraries and by `arancini tail`."""

import asyncio
import pathlib
import subprocess

import broker
import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "crates" / "schema" / "update.capnp"
STREAM = ROOT / "testdata" / "gobgp-3.36-pre-allfamilies.bmp.zst"


def published(directory: pathlib.Path, compression: str) -> tuple[list, list[bytes], list[bytes]]:
    """A recorded session published: encodings and payloads of its messages on updates subjects, and tail's lines."""
    directory.mkdir()
    server = broker.NatsServer(directory / "nats")
    address = collector.free_address()
    process = collector.Collector(
        directory / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "nats", "--nats", server.url,
        ARANCINI_PUBLISH__COMPRESSION=compression,
    )
    try:
        process.wait_ready()
        collector.replay(STREAM, address)
        assert process.stop() == 0, process.log.read_text()[-2000:]
        tail = [collector.binary(), "tail", "--nats", server.url, "--no-follow", "--json"]
        lines = subprocess.run(tail, check=True, capture_output=True, timeout=120).stdout.splitlines()
        return *asyncio.run(_read(server.url)), lines
    finally:
        process.close()
        server.close()


async def _read(url: str) -> tuple[list, list[bytes]]:
    import nats
    import payload

    client = await nats.connect(url)
    stream = client.jetstream()
    last = (await stream.stream_info("ARANCINI")).state.last_seq
    subscription = await stream.subscribe(">", stream="ARANCINI", ordered_consumer=True)
    encodings, payloads, position = [], [], 0
    while position < last:
        message = await subscription.next_msg(timeout=30)
        position = message.metadata.sequence.stream
        if message.subject.startswith("arancini.updates."):
            encodings.append(payload.encoding(message))
            payloads.append(payload.plain(message))
    await client.close()
    return encodings, payloads


def routes(payloads: list[bytes]) -> list[tuple]:
    """All updates without their times, sorted, because batches close by the clock."""
    import capnp

    schema = capnp.load(str(SCHEMA)).Update
    updates = (update for payload in payloads for update in schema.read_multiple_bytes(payload))
    return sorted(
        (update.afi, update.safi, update.prefixAddr, update.prefixLen, update.rawNlri, update.pathId, update.announced, update.attributeFingerprint)
        for update in updates
    )


def test_standard_libraries_and_tail_read_what_is_compressed(tmp_path, need):
    need(collector.missing() or broker.missing())
    for module in ("capnp", "nats", "lz4.frame", "zstandard"):
        pytest.importorskip(module)
    encodings, payloads, lines = published(tmp_path / "none", "none")
    assert set(encodings) == {None}
    expected = routes(payloads)
    assert len(expected) == len(lines) > 1_000
    for compression in ("lz4", "zstd"):
        encodings, payloads, lines = published(tmp_path / compression, compression)
        assert compression in encodings
        # A payload that does not get smaller is published without compression.
        assert set(encodings) <= {compression, None}
        assert routes(payloads) == expected
        assert len(lines) == len(expected)


def test_tail_passes_over_what_it_cannot_read(tmp_path, need):
    need(collector.missing() or broker.missing())
    capnp = pytest.importorskip("capnp")
    pytest.importorskip("nats")
    update = capnp.load(str(SCHEMA)).Update.new_message(prefixLen=24, announced=True, afi=1, safi=1)
    address = bytes(10) + b"\xff\xff\xc0\x00\x02\x00"
    update.routerAddr = update.peerAddr = update.prefixAddr = update.nextHop = address
    server = broker.NatsServer(tmp_path / "nats")
    try:
        asyncio.run(_publish(server.url, [(b"?", {"Content-Encoding": "br"}), (update.to_bytes(), None)]))
        tail = [collector.binary(), "tail", "--nats", server.url, "--no-follow", "--json"]
        done = subprocess.run(tail, check=True, capture_output=True, timeout=60)
    finally:
        server.close()
    assert b"message 1 of the stream" in done.stderr and b'"br"' in done.stderr
    assert len(done.stdout.splitlines()) == 1


async def _publish(url: str, messages: list[tuple[bytes, dict | None]]) -> None:
    import nats

    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="ARANCINI", subjects=["arancini.>"])
    for data, headers in messages:
        await stream.publish("arancini.updates.v4_192_0_2_0.64512.1_1", data, headers=headers)
    await client.close()
