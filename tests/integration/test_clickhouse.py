"""ClickHouse reads the segment files of the `file` sink as they are, with its own CapnProto format."""

import ipaddress
import pathlib
from collections import Counter

import clickhouse
import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "crates" / "schema"
STREAM = ROOT / "testdata" / "frr-8.4.4-prepost-c0-170k.bmp.zst"
COLUMNS = (
    "timeReceivedNs UInt64, routerPort UInt16, peerAsn UInt32, peerAddr FixedString(16), prefixAddr FixedString(16), "
    "prefixLen UInt8, isPostPolicy UInt8, announced UInt8, synthetic UInt8, origin String, asPath Array(UInt32), "
    "multiExitDisc UInt32, communities Nested(asn UInt32, value UInt16)"
)


@pytest.fixture(scope="module")
def segments(tmp_path_factory, need):
    """The update segments of one recorded session."""
    need(collector.missing())
    directory = tmp_path_factory.mktemp("segments")
    address = collector.free_address()
    process = collector.Collector(directory / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "file")
    try:
        process.wait_ready()
        collector.replay(STREAM, address)
        assert process.stop() == 0, process.log.read_text()[-2000:]
    finally:
        process.close()
    found = sorted((directory / "arancini" / "data").rglob("updates-*.capnp"))
    assert found
    return found


def test_clickhouse_reads_segments(segments, tmp_path):
    """ClickHouse counts and shows what pycapnp reads from the same files."""
    capnp = pytest.importorskip("capnp")
    reason = clickhouse.missing()
    if reason:
        pytest.skip(reason)
    update = capnp.load(str(SCHEMA / "update.capnp")).Update
    expected: Counter = Counter()
    for segment in segments:
        for message in update.read_multiple_bytes(segment.read_bytes()):
            prefix = ipaddress.IPv6Address(message.prefixAddr)
            path, communities = list(message.asPath), [(item.asn, item.value) for item in message.communities]
            key = (str(prefix), message.prefixLen, message.announced, message.isPostPolicy, message.origin, tuple(path), tuple(communities))
            expected[key] += 1
    server = clickhouse.ClickHouse(tmp_path / "clickhouse")
    try:
        for name, schema in (("full", "update.capnp"), ("old", "legacy.capnp")):
            server.query(f"CREATE TABLE {name} ({COLUMNS}) ENGINE = Memory")
            for segment in segments:
                server.insert(name, SCHEMA / schema, segment)
            rows = server.query(
                "SELECT IPv6NumToString(prefixAddr), prefixLen, announced, isPostPolicy, origin, asPath, "
                f"communities.asn, communities.value FROM {name}"
            )
            assert Counter(map(_row, rows)) == expected
        assert server.query("SELECT count() FROM full WHERE synthetic AND announced") == [["0"]]
    finally:
        server.close()


def _row(row: list[str]) -> tuple:
    numbers = lambda text: tuple(int(item) for item in text.strip("[]").split(",") if item)
    prefix, length, announced, post, origin, path, asns, values = row
    return (
        str(ipaddress.IPv6Address(prefix)), int(length), announced == "1", post == "1", origin, numbers(path),
        tuple(zip(numbers(asns), numbers(values))),
    )


def test_the_table_of_the_readme_keeps_the_last_update_of_each_route(segments, tmp_path):
    """`segments.sql` as it is, filled as README says; its rows are the last update of each key that pycapnp finds."""
    capnp = pytest.importorskip("capnp")
    reason = clickhouse.missing()
    if reason:
        pytest.skip(reason)
    update = capnp.load(str(SCHEMA / "update.capnp")).Update
    last: dict[tuple, tuple] = {}
    for segment in segments:
        for message in update.read_multiple_bytes(segment.read_bytes()):
            key = (str(ipaddress.IPv6Address(message.prefixAddr)), message.prefixLen, str(message.ribView), message.peerAsn)
            last[key] = max(last.get(key, (0,)), (message.sequence, message.announced, message.attributeFingerprint))
    server = clickhouse.ClickHouse(tmp_path / "clickhouse")
    try:
        server.query((ROOT / "examples" / "clickhouse" / "segments.sql").read_text())
        for segment in segments * 2:
            server.insert("segment_updates", SCHEMA / "update.capnp", segment)
        rows = server.query(
            "SELECT IPv6NumToString(prefixAddr), prefixLen, ribView, peerAsn, sequence, announced, attributeFingerprint FROM segment_updates FINAL"
        )
    finally:
        server.close()
    found = {(row[0], int(row[1]), row[2], int(row[3])): (int(row[4]), row[5] == "1", int(row[6])) for row in rows}
    normal = lambda key: (str(ipaddress.IPv6Address(key[0])), *key[1:])
    assert {normal(key): value for key, value in found.items()} == last
    assert len(rows) == len(last) > 1_000
