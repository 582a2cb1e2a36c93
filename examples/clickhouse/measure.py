"""Measures the queries on 10 M routes that SQL makes up, with chdb: the median of three runs of each.

python examples/clickhouse/measure.py [ROUTES]
"""

import pathlib
import statistics
import sys
import time

from chdb import session

HERE = pathlib.Path(__file__).parent
ROUTES = """
INSERT INTO incoming (
    type, timeReceivedNs, sequence, routerAddr, announced, peerAddr, peerBgpId, peerAsn, ribView, afi, safi, prefix, prefixAddr, prefixLen,
    attributeFingerprint, origin, asPath, nextHop, communities
)
SELECT
    'update', 1796070000000000000 + number * 400000, number + 1, concat('192.0.2.', toString(number % 4)), 1,
    concat('198.51.100.', toString(number % 8)), '10.0.0.1', 64512, 'adj-rib-in-pre', 1, 1, concat(network, '/24'), network, 24,
    hex(cityHash64(number)), 'IGP', arrayMap(place -> toUInt32(cityHash64(number, place) % 70000), range(3 + number % 4)), '198.51.100.1',
    arrayMap(place -> concat(toString(cityHash64(number, place) % 65000), ':', toString(place)), range(number % 4))
FROM (SELECT number, IPv4NumToString(toUInt32(0x01000000 + intDiv(number, 8) * 256)) AS network FROM numbers({routes}))
"""


def statements(file: pathlib.Path) -> list[str]:
    """The statements of a file, without comments."""
    text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("--"))
    return [statement for statement in text.split(";\n") if statement.strip()]


def main(routes: str = "10000000") -> None:
    database = session.Session()
    for statement in statements(HERE / "tables.sql"):
        database.query(statement)
    begun = time.monotonic()
    database.query(ROUTES.format(routes=routes))
    database.query("OPTIMIZE TABLE rib FINAL")
    print(f"{routes} routes, loaded in {time.monotonic() - begun:.0f} s")
    for file in sorted((HERE / "queries").glob("*.sql")):
        (query,) = statements(file)
        seconds = []
        for _ in range(3):
            begun = time.monotonic()
            database.query(query)
            seconds.append(time.monotonic() - begun)
        print(f"{file.stem:<20}{statistics.median(seconds):>6.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
