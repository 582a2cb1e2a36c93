"""Every member of every record is what `arancini tail --json` prints."""

import json
import os
import subprocess

import collector
import pytest
from bmp import ROOT
from reading import batches

STREAMS = (
    "frr-8.4.4-prepost-c0-170k", "gobgp-3.36-pre-allfamilies", "bird-2.17.5-prepost-addpath", "frr-10.3-prepost-locrib-vpn-c0",
    "gobgp-3.10-all-c0",
)
NUMBERS = ("sequence", "timeReceivedNs", "timeBmpHeaderNs")


@pytest.mark.parametrize(("form", "compression"), [("capnp", "none"), ("capnp", "lz4"), ("capnp", "zstd"), ("json", "none"), ("json", "zstd")])
def test_records_are_those_of_tail(server, tmp_path, form, compression):
    stream = f"DECODE-{form}-{compression}"
    base = f"decode.{form}.{compression}"
    address = collector.free_address()
    running = collector.Collector(
        tmp_path / "arancini", address, collector.free_address(), "--workers", "1", "--sink", "nats", "--nats", server.url,
        ARANCINI_PUBLISH__FORMAT=form, ARANCINI_PUBLISH__COMPRESSION=compression, ARANCINI_NATS__STREAM=stream,
        ARANCINI_PUBLISH__SUBJECT_BASE=base,
    )
    try:
        running.wait_ready()
        for name in STREAMS:
            collector.replay(ROOT / "testdata" / f"{name}.bmp.zst", address)
        assert running.stop() == 0, running.log.read_text()[-2000:]
    finally:
        running.close()
    problems = []
    found = [record for batch in batches(server.url, stream=stream, base=base, on_problem=problems.append) for record in batch]
    tail = [collector.binary(), "tail", "--nats", server.url, "--stream", stream, "--no-follow", "--json", "--all"]
    environment = os.environ | {"ARANCINI_PUBLISH__SUBJECT_BASE": base}
    lines = subprocess.run(tail, check=True, capture_output=True, timeout=120, env=environment).stdout.splitlines()
    expected = [_with_numbers(json.loads(line)) for line in lines]
    assert problems == []
    assert len(found) == len(expected) > 5_000
    assert {record["type"] for record in found} >= {"update", "peer", "router"}
    for record, line in zip(found, expected):
        assert record == line


def _with_numbers(record: dict) -> dict:
    record |= {name: int(record[name]) for name in NUMBERS if name in record}
    for counter in record.get("counters", []):
        counter["value"] = int(counter["value"])
    return record
