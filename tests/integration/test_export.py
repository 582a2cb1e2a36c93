"""Readers of other people find in exported files what the JSON export says: four engines in Parquet, `mrtparse` in MRT."""

import hashlib
import ipaddress
import json
import pathlib
import subprocess
import tempfile

import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STREAMS = ["frr-10.3-prepost-locrib-vpn-c0.bmp.zst", "bird-2.17.5-prepost-addpath.bmp.zst", "gobgp-3.36-pre-allfamilies.bmp.zst"]
ADDRESSES = ["routerAddr", "peerAddr", "prefixAddr", "nextHop", "linkLocalNextHop"]
NUMBERS = ["timeReceivedNs", "timeBmpHeaderNs", "sequence"]
JSON_TEXTS = ["asPathSegments", "unknownAttributes"]


@pytest.fixture(scope="module")
def data(tmp_path_factory, need):
    """The data directory of a collector that has had some recorded sessions."""
    need(collector.missing())
    directory = tmp_path_factory.mktemp("export")
    address = collector.free_address()
    process = collector.Collector(directory / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "file",
                                  ARANCINI_RIB__ATTRIBUTES="retain")
    try:
        process.wait_ready()
        for stream in STREAMS:
            collector.replay(ROOT / "testdata" / stream, address)
        assert process.stop() == 0, process.log.read_text()[-2000:]
    finally:
        process.close()
    return directory / "arancini" / "data"


def _export(data: pathlib.Path, *flags: str) -> pathlib.Path:
    """The file of an export; its directory is removed with that of the data."""
    path = pathlib.Path(tempfile.mkdtemp(dir=data)) / "exported"
    subprocess.run([collector.binary(), "export", "--data-dir", data, "--output", path, *flags], check=True, capture_output=True, timeout=120)
    return path


def _json(data: pathlib.Path, *flags: str) -> list[dict]:
    return [json.loads(line) for line in _export(data, "--format", "json", *flags).read_text().splitlines()]


@pytest.fixture(scope="module")
def exported(data):
    """A Parquet file, and the rows that it should have."""
    rows = [_row(update) for update in _json(data)]
    assert len(rows) > 1000
    return _export(data, "--format", "parquet"), rows


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


def _of_mrt(updates: list[dict]) -> list[tuple]:
    """What an MRT file has of some updates: IPv4 and IPv6 unicast, and of two peers with one name the first."""
    owners: dict = {}
    routes = []
    for update in updates:
        peer = (update["peerAddr"], update["peerAsn"])
        same = owners.setdefault(peer, update.get("peerDistinguisher")) == update.get("peerDistinguisher")
        if not same or update["safi"] != 1 or update["afi"] not in (1, 2) or (update["announced"] and "nextHop" not in update):
            continue
        attributes = (tuple(update.get("asPath", ())), update["origin"], update["nextHop"]) if update["announced"] else None
        routes.append((*peer, update["prefix"], update.get("pathId"), attributes))
    return routes


def _one(value: dict):
    """The name in a dictionary of one number and its name."""
    return next(iter(value.values()))


def _attributes(attributes: list[dict]) -> tuple:
    """AS path, origin and next hop; and the families of MP_REACH_NLRI and MP_UNREACH_NLRI with their NLRI."""
    by_name = {_one(attribute["type"]): attribute["value"] for attribute in attributes}
    path = tuple(int(asn) for segment in by_name.get("AS_PATH", ()) for asn in segment["value"])
    reach, unreach = by_name.get("MP_REACH_NLRI", {}), by_name.get("MP_UNREACH_NLRI", {})
    next_hop = by_name.get("NEXT_HOP") or (reach.get("next_hop") or [None])[0]
    if next_hop:
        address = ipaddress.ip_address(next_hop)
        next_hop = str(getattr(address, "ipv4_mapped", None) or address)
    origin = _one(by_name["ORIGIN"]) if "ORIGIN" in by_name else None
    return (path, origin, next_hop), _unicast(reach, "nlri"), _unicast(unreach, "withdrawn_routes")


def _unicast(value: dict, name: str) -> list[dict]:
    """The NLRI of a multiprotocol attribute, if they are unicast."""
    return value.get(name, []) if 1 in value.get("safi", ()) else []


def _prefix(nlri: dict) -> tuple:
    return f"{nlri['prefix']}/{nlri['length']}", nlri.get("path_id")


def test_mrtparse_reads_the_updates(data):
    """mrtparse finds in BGP4MP_ET messages every unicast route of the view."""
    mrtparse = pytest.importorskip("mrtparse")
    routes = []
    for record in mrtparse.Reader(str(_export(data, "--format", "mrt"))):
        peer = (record.data["peer_ip"], int(record.data["peer_as"]))
        message = record.data["bgp_message"]
        attributes, reached, unreached = _attributes(message["path_attributes"])
        routes += [(*peer, *_prefix(nlri), attributes) for nlri in message["nlri"] + reached]
        routes += [(*peer, *_prefix(nlri), None) for nlri in message["withdrawn_routes"] + unreached]
    expected = _of_mrt(_json(data, "--view", "adj-rib-in-pre"))
    assert len(expected) > 1000
    assert routes == expected


def test_mrtparse_reads_the_table(data):
    """mrtparse finds in TABLE_DUMP_V2 every unicast route of the snapshot."""
    mrtparse = pytest.importorskip("mrtparse")
    routes, peers = [], []
    for record in mrtparse.Reader(str(_export(data, "--snapshot", "--format", "mrt"))):
        kind = _one(record.data["subtype"])
        if kind == "PEER_INDEX_TABLE":
            peers = [(peer["peer_ip"], int(peer["peer_as"])) for peer in record.data["peer_entries"]]
        elif "UNICAST" in kind:
            for entry in record.data["rib_entries"]:
                attributes, _, _ = _attributes(entry["path_attributes"])
                routes.append((*peers[entry["peer_index"]], f"{record.data['prefix']}/{record.data['length']}", entry.get("path_id"), attributes))
    expected = _of_mrt(_json(data, "--snapshot", "--view", "adj-rib-in-pre"))
    assert len(expected) > 1000
    assert sorted(routes, key=str) == sorted(expected, key=str)
