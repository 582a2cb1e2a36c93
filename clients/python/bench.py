"""Measures how many updates a second one core decodes, and how many a table takes.

    arancini run --sink file --data-dir DIR & arancini bench --to 127.0.0.1:4000
    python bench.py DIR/segments

Reads `updates-*.capnp`, cuts them into payloads of 200 updates as a collector publishes them, and prints the median of three runs.
Pin it to one core with `taskset -c 0`.
"""

import pathlib
import statistics
import struct
import sys
import time

from arancini_client import Batch, Table

UPDATES_OF_A_BATCH = 200
RUNS = 3


def payloads(directory: pathlib.Path) -> list[tuple[bytes, int]]:
    """Payloads of whole messages, with the number of messages in each."""
    found = []
    for segment in sorted(directory.glob("updates-*.capnp")):
        data, begin, at, count = segment.read_bytes(), 0, 0, 0
        while at < len(data):
            # A collector writes each update as one Cap'n Proto segment: its length in words is behind the count of segments.
            at += 8 + 8 * struct.unpack_from("<I", data, at + 4)[0]
            count += 1
            if count == UPDATES_OF_A_BATCH or at >= len(data):
                found.append((data[begin:at], count))
                begin, count = at, 0
    return found


def batch(payload: bytes) -> Batch:
    """A batch as `follow` makes it. Any subject of the kind does."""
    return Batch("arancini.updates.v4_192_0_2_1.64512.1_1", payload, print)


def decode(read: list[tuple[bytes, int]]) -> None:
    """Makes a `dict` of every update."""
    for payload, count in read:
        assert len(batch(payload).records()) == count


def table(read: list[tuple[bytes, int]], **options) -> Table:
    """Applies every update to a table."""
    routes = Table(**options)
    for payload, _ in read:
        routes.apply(batch(payload))
    return routes


def measure(name: str, count: int, work) -> None:
    """Prints the median rate of some runs."""
    seconds = []
    for _ in range(RUNS):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    print(f"{name:<42}{count / statistics.median(seconds):>12,.0f} updates/s")


def main(directory: str) -> None:
    read = payloads(pathlib.Path(directory))
    count = sum(count for _, count in read)
    size = sum(len(payload) for payload, _ in read)
    print(f"{count:,} updates in {len(read):,} batches, {size / count:.0f} bytes an update")
    measure("decode to Python objects", count, lambda: decode(read))
    measure("table with attributes", count, lambda: table(read))
    measure("table with fingerprints", count, lambda: table(read, attributes=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
