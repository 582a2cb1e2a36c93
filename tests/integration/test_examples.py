"""The examples for ClickHouse, DuckDB and polars reach the tables of the judge, through churn, a Peer Down, a restart and a resync."""

import ipaddress
import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import broker
import collector
import judge
import pytest
from bmp import PEER_UP, Router, peer_down, recorded
from waiting import until

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
FIRST, SECOND = "frr-8.4.4-prepost-c0-170k", "bird-2.17.5-prepost-addpath"


@pytest.fixture(scope="module")
def exported(tmp_path_factory, need):
    """A directory with `updates.parquet` and `stream.json` of a stream, and the tables that the judge has of it."""
    need(broker.missing() or collector.missing() or judge.missing())
    directory = tmp_path_factory.mktemp("examples")
    server = broker.NatsServer(directory / "nats")
    try:
        # The second start continues from the first one's snapshot; the third one is another collector, which resyncs both routers.
        for life, (name, part) in enumerate([("first", 1), ("first", 2), ("second", 4)]):
            _live(directory / str(life), server.url, name, part, directory / f"snapshots-{name}")
        for kind in ("json", "parquet"):
            name = {"json": "stream.json", "parquet": "updates.parquet"}[kind]
            command = [collector.binary(), "export", "--nats", server.url, "--format", kind, "--output", directory / name]
            done = subprocess.run(command + ["--all"] * (kind == "json"), capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
        lines = judge.judge("--nats", server.url)
    finally:
        server.close()
    assert lines[-1]["summary"]["resyncs"] >= 2
    return directory, {_judged(line["route"]) for line in lines if "route" in line}


def _live(directory: pathlib.Path, url: str, name: str, part: int, snapshots: pathlib.Path) -> None:
    """One life of a collector, with two routers. Router 1 has only the first half, or quarter, of its messages in part 2, or 4."""
    address, control = collector.free_address(), collector.free_address()
    running = collector.Collector(
        directory, address, control, "--workers", "1", "--sink", "nats", "--nats", url, ARANCINI_SNAPSHOTS__DIRECTORY=snapshots,
        ARANCINI_COLLECTOR_NAME=name, ARANCINI_RIB__ATTRIBUTES="retain", ARANCINI_ROUTERS__QUIET_PERIOD_MS=200,
    )
    routers = []
    try:
        running.wait_ready()
        for number, recording in ((1, recorded(FIRST)), (2, recorded(SECOND))):
            routers.append(Router(number, address))
            routers[-1].send(recording[: len(recording) // part if number == 1 else None])
            if number == 2 and part == 1:
                up = next(message for message in recording if message[5] == PEER_UP)
                routers[-1].send([peer_down(up)])
        for router in routers:
            # A resync on request is refused until the dump is over.
            until(f"{router.address} is resynced", lambda: _resync(control, router.address), 60)
        assert running.stop() == 0, running.log.read_text()[-2000:]
    finally:
        for router in routers:
            router.close()
        running.close()


def _resync(control: str, router: str) -> bool:
    request = urllib.request.Request(f"http://{control}/api/v1/routers/{router}/resync", method="POST")
    try:
        return urllib.request.urlopen(request, timeout=10).status == 202
    except urllib.error.HTTPError as error:
        assert error.code in (404, 409), error.read()
        return False


def _judged(route: dict) -> tuple:
    prefix = route["prefix"]
    if "/" in prefix:
        address, length = prefix.split("/")
        prefix = f"{_plain(address)}/{length}"
    attributes = route["attributes"]
    path = tuple(asn for _, asns in attributes["as_path"] for asn in asns)
    return (
        route["router"], route["peer"], route["view"], route["family"], prefix, route.get("path_id"), attributes["origin"] or "", path,
        attributes.get("next_hop") or "",
    )


def _plain(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _row(row: dict) -> tuple:
    raw = row["rawNlri"]
    path_id = row["pathId"]
    return (
        row["routerAddr"], row["peerAddr"], row["ribView"], f"{row['afi']}/{row['safi']}",
        row["prefix"] or (raw if isinstance(raw, str) else raw.hex()), None if path_id in (None, -1) else path_id, row["origin"] or "",
        tuple(row["asPath"] or ()), row["nextHop"] or "",
    )


def _statements(file: pathlib.Path) -> list[str]:
    """The statements of a file, without comments."""
    text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


@pytest.fixture(scope="module")
def clickhouse(exported):
    """A database with the exported stream, which is read twice."""
    chdb = pytest.importorskip("chdb.session")
    session = chdb.Session()
    for statement in _statements(EXAMPLES / "clickhouse" / "tables.sql"):
        session.query(statement)
    for _ in range(2):
        session.query(f"INSERT INTO incoming FROM INFILE '{exported[0] / 'stream.json'}' FORMAT JSONEachRow")
    yield session
    session.close()


def _rows(session, query: str) -> list[dict]:
    return [json.loads(line) for line in str(session.query(query, "JSONEachRow")).splitlines()]


def test_clickhouse_holds_the_tables_of_the_judge(clickhouse, exported):
    expected = exported[1]
    before = {_row(row) for row in _rows(clickhouse, "SELECT * FROM current")}
    assert before >= expected, "only routes that a resync has not announced again are left to sweep.sql"
    for _ in range(2):
        for statement in _statements(EXAMPLES / "clickhouse" / "sweep.sql"):
            clickhouse.query(statement)
    rows = _rows(clickhouse, "SELECT * FROM current")
    assert len(rows) == len(expected)
    assert {_row(row) for row in rows} == expected


def test_clickhouse_answers_the_questions_of_the_page(clickhouse):
    for statement in _statements(EXAMPLES / "clickhouse" / "sweep.sql"):
        clickhouse.query(statement)
    example = _rows(clickhouse, "SELECT prefix, network FROM current WHERE afi = 1 AND safi = 1 AND prefixLen = 24 LIMIT 1")[0]
    address = _plain(example["network"])
    answers = {}
    for file in sorted((EXAMPLES / "clickhouse" / "queries").glob("*.sql")):
        (statement,) = _statements(file)
        first, last = address.rsplit(".", 1)[0] + ".0", address.rsplit(".", 1)[0] + ".255"
        for old, new in (("20.0.7.9", address), ("20.0.0.0", first), ("20.0.255.255", last)):
            statement = statement.replace(old, new)
        answers[file.stem] = _rows(clickhouse, statement)
    assert {row["prefix"] for row in answers["reachability"]} == {example["prefix"]}
    assert example["prefix"] in {row["prefix"] for row in answers["more_specifics"]}
    assert answers["churn"][0]["changes"] >= answers["churn"][-1]["changes"] > 0
    assert all(len(row["origins"]) > 1 for row in answers["origin_change"])
    assert set(answers) == {"churn", "leak_candidates", "more_specifics", "origin_change", "reachability"}


def test_clickhouse_reads_the_same_updates_from_parquet(clickhouse, exported):
    digest = "SELECT count() AS count, sum(cityHash64(*)) AS digest FROM updates FINAL"
    expected = _rows(clickhouse, digest)
    clickhouse.query("TRUNCATE TABLE updates")
    for statement in _statements(EXAMPLES / "clickhouse" / "from_parquet.sql"):
        clickhouse.query(statement.replace("updates.parquet", str(exported[0] / "updates.parquet")))
    assert _rows(clickhouse, digest) == expected


def test_duckdb_holds_the_tables_of_the_judge(exported, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(exported[0])
    database = duckdb.connect()
    for statement in _statements(EXAMPLES / "duckdb" / "current.sql"):
        database.execute(statement)
    result = database.execute("SELECT * FROM current")
    names = [column[0] for column in result.description]
    rows = [dict(zip(names, row)) for row in result.fetchall()]
    assert len(rows) == len(exported[1])
    assert {_row(row) for row in rows} == exported[1]
    for statement in _statements(EXAMPLES / "duckdb" / "queries.sql"):
        database.execute(statement).fetchall()


def test_polars_holds_the_tables_of_the_judge(exported):
    pytest.importorskip("polars")
    files = [str(exported[0] / name) for name in ("updates.parquet", "stream.json")]
    sys.path.insert(0, str(EXAMPLES / "polars"))
    import current

    rows = current.current(*files).to_dicts()
    assert len(rows) == len(exported[1])
    assert {_row(row) for row in rows} == exported[1]
    subprocess.run([sys.executable, EXAMPLES / "polars" / "current.py", *files], check=True, capture_output=True, timeout=60)
