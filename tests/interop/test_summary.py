"""`arancini decode --summary` over every recorded stream against an independent stateful reader.

Compared are the messages by type and the IPv4 and IPv6 unicast prefixes by RIB view. A
difference is accepted only where ACCEPTED has it with its reason; docs/interop.md says the
same in words. An accepted difference that is no longer there fails too.
"""

import json
import os
import pathlib
import subprocess

import collector
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("ARANCINI_CORPUS") or ROOT.parent / "shared" / "corpus")

VIEWS = {
    "in-pre": "adj-rib-in-pre",
    "in-post": "adj-rib-in-post",
    "out-pre": "adj-rib-out-pre",
    "out-post": "adj-rib-out-post",
}
UNICAST = ("1/1", "2/1")

VERSION_4 = "BMP version 4 is refused: the session ends at its first message"
# (stream, what) -> (the reader's number, ours, why)
ACCEPTED: dict[tuple[str, str], tuple[int, int, str]] = {
    ("ng-path-status-192.85.2.1-p62503", "messages peer_down"): (1, 0, VERSION_4),
    ("ng-path-status-192.85.2.1-p62503", "messages peer_up"): (1, 0, VERSION_4),
    ("ng-path-status-192.85.2.1-p62503", "messages route_monitoring"): (3, 0, VERSION_4),
    ("ng-stateless-with-add-path-192.85.2.1-p62503", "messages peer_up"): (9, 0, VERSION_4),
    ("ng-stateless-with-add-path-192.85.2.1-p62503", "messages route_monitoring"): (21, 0, VERSION_4),
}
# Streams that end early, and what the summary must say of them. All other streams are read to their end.
ENDS_EARLY = {
    "ng-path-status-192.85.2.1-p62503": "BMP version is 4",
    "ng-stateless-with-add-path-192.85.2.1-p62503": "BMP version is 4",
    "tr-bmp-traffic-192.0.2.61-p52867": "211 bytes follow",
}


def streams() -> list[str]:
    """The names of all streams with a count."""
    return sorted(path.name.removesuffix(".count.json") for path in (CORPUS / "oracle").glob("*.count.json"))


def flat_reader(count: dict) -> dict[str, int]:
    """The figures of the other reader, by our names."""
    out: dict[str, int] = {}
    for name, number in count["messages"].items():
        key = "messages unknown" if name.startswith("type_") else f"messages {name}"
        out[key] = out.get(key, 0) + number
    for view, figures in count["views"].items():
        name = "loc-rib"
        if view != "loc-rib":
            side, when = view.split("-")[1], view.split("-")[-1]
            name = VIEWS[f"{side}-{when}"]
        for kind in ("announced", "withdrawn"):
            for family in UNICAST:
                # We count peers of a VRF ("rd") as peers like others: several of its views are one of ours.
                key = f"{name} {kind} {family}"
                out[key] = out.get(key, 0) + figures.get(f"{kind} {family}", 0)
    return {key: number for key, number in out.items() if number}


def flat_ours(summary: dict) -> dict[str, int]:
    """The figures of `decode --summary`, by the same names."""
    out = {f"messages {name}": number for name, number in summary["messages"].items()}
    for view, kinds in summary["views"].items():
        for kind, families in kinds.items():
            for family in UNICAST:
                out[f"{view} {kind} {family}"] = families.get(family, 0)
    return {key: number for key, number in out.items() if number}


@pytest.mark.parametrize("stream", streams() or [None])
def test_counts_agree(stream, need):
    if stream is None:
        pytest.skip("no corpus")
    need(collector.missing())
    path = next(path for path in (CORPUS / f"{stream}.bmp", CORPUS / f"{stream}.bmp.zst") if path.exists())
    done = subprocess.run([collector.binary(), "decode", "--summary", path], capture_output=True, text=True, timeout=300)
    assert "panicked" not in done.stderr, done.stderr
    summary = json.loads(done.stdout)
    reader = flat_reader(json.loads((CORPUS / "oracle" / f"{stream}.count.json").read_text()))
    ours = flat_ours(summary)
    found = {
        (stream, key): (reader.get(key, 0), ours.get(key, 0))
        for key in reader.keys() | ours.keys()
        if reader.get(key, 0) != ours.get(key, 0)
    }
    accepted = {key: (theirs, mine) for key, (theirs, mine, _) in ACCEPTED.items() if key[0] == stream}
    assert found == accepted, done.stderr[-2000:]
    reason = ENDS_EARLY.get(stream)
    assert (done.returncode == 0) == (reason is None), done.stderr
    assert reason is None or reason in done.stderr
