"""Three engines read the Parquet export, and find in every field what the JSON export says."""

import hashlib
import ipaddress
import json
import pathlib
import subprocess

import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STREAMS = ["frr-10.3-prepost-locrib-vpn-c0.bmp.zst", "bird-2.17.5-prepost-addpath.bmp.zst", "gobgp-3.36-pre-allfamilies.bmp.zst"]
ADDRESSES = ["routerAddr", "peerAddr", "prefixAddr", "nextHop", "linkLocalNextHop"]
NUMBERS = ["timeReceivedNs", "timeBmpHeaderNs", "sequence"]
JSON_TEXTS = ["asPathSegments", "unknownAttributes"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory, need):
    """The updates of some recorded sessions: a Parquet file, and the rows that it should have."""
    need(collector.missing())
    directory = tmp_path_factory.mktemp("export")
    address = collector.free_address()
    process = collector.Collector(directory / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "file")
    try:
        process.wait_ready()
        for stream in STREAMS:
            collector.replay(ROOT / "testdata" / stream, address)
        assert process.stop() == 0, process.log.read_text()[-2000:]
    finally:
        process.close()
    data = directory / "arancini" / "data"
    for kind in ("json", "parquet"):
        command = [collector.binary(), "export", "--data-dir", data, "--format", kind, "--output", directory / f"updates.{kind}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = [_row(json.loads(line)) for line in (directory / "updates.json").read_text().splitlines()]
    assert len(rows) > 1000
    return directory / "updates.parquet", rows


def _row(update: dict) -> dict:
    """An update as JSON in the form of the columns."""
    assert update.pop("type") == "update"
    for name in ADDRESSES:
        if name in update:
            address = ipaddress.ip_address(update[name])
            octets = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
            update[f"{name}Bytes"] = octets.hex()
    update.pop("prefixAddr", None)
    for name in NUMBERS:
        if name in update:
            update[name] = int(update[name]) or None
    if "attributeFingerprint" in update:
        update["attributeFingerprint"] = int(update["attributeFingerprint"], 16)
    for name in JSON_TEXTS:
        if name in update:
            update[name] = json.dumps(update[name], sort_keys=True)
    if update["announced"]:
        update.setdefault("atomicAggregate", False)
    return update


def _checksums(columns: list[str], rows: list[dict]) -> dict:
    """A checksum of each column: the digest of all its values in order. Null and an empty list count alike."""

    def value(name: str, row: dict):
        found = row.get(name)
        if isinstance(found, (bytes, bytearray, memoryview)):
            found = bytes(found).hex()
        if name in JSON_TEXTS and found:
            found = json.dumps(json.loads(found), sort_keys=True)
        return found if found not in ([], (), "") else None

    return {
        name: hashlib.sha256(json.dumps([value(name, row) for row in rows], default=list).encode()).hexdigest() for name in columns
    }


def _same(read: list[dict], rows: list[dict]) -> None:
    columns = list(read[0])
    assert {name for row in rows for name in row} <= set(columns)
    assert len(read) == len(rows)
    assert _checksums(columns, read) == _checksums(columns, rows)


def test_duckdb_reads_the_export(exported):
    """DuckDB has the same rows, with times as times and 64-bit numbers exact."""
    duckdb = pytest.importorskip("duckdb")
    path, rows = exported
    times = ", ".join(f"epoch_ns({name}) AS {name}" for name in NUMBERS if name.startswith("time"))
    answer = duckdb.sql(f"SELECT * REPLACE ({times}) FROM read_parquet('{path}', file_row_number = true) ORDER BY file_row_number")
    names = answer.columns
    read = [dict(zip(names, row)) for row in answer.fetchall()]
    for row in read:
        row.pop("file_row_number")
    _same(read, rows)


def test_polars_reads_the_export(exported):
    """polars has the same rows."""
    polars = pytest.importorskip("polars")
    path, rows = exported
    frame = polars.read_parquet(path)
    assert frame.schema["timeReceivedNs"] == polars.Datetime("ns", "UTC")
    frame = frame.with_columns(polars.col("timeReceivedNs", "timeBmpHeaderNs").cast(polars.Int64))
    _same(frame.to_dicts(), rows)


def test_clickhouse_reads_the_export(exported):
    """chdb, which is ClickHouse in a process, has the same rows."""
    chdb = pytest.importorskip("chdb")
    path, rows = exported
    octets = ["rawNlri"] + [f"{name}Bytes" for name in ADDRESSES]
    replaced = [f"lower(hex({name})) AS {name}" for name in octets]
    replaced += [f"toUnixTimestamp64Nano({name}) AS {name}" for name in NUMBERS if name.startswith("time")]
    answer = chdb.query(
        f"SELECT * REPLACE ({', '.join(replaced)}) FROM file('{path}', Parquet) "
        "SETTINGS max_threads = 1, output_format_json_quote_64bit_integers = 0",
        "JSONEachRow",
    )
    _same([json.loads(line) for line in str(answer).splitlines()], rows)


def test_pyarrow_reads_the_export(exported):
    """pyarrow has the same rows."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path, rows = exported
    table = parquet.read_table(path)
    for name in ("timeReceivedNs", "timeBmpHeaderNs"):
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table.column(name).cast("int64"))
    _same(table.to_pylist(), rows)
