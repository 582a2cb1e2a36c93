"""Writes routes as an MRT RIB dump (RFC 6396 TABLE_DUMP_V2), for `gobgp mrt inject`.

The MP_REACH_NLRI is written in full: GoBGP 3.10 cannot read the short form of the RFC.
"""

import ipaddress
import random
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tables import Attributes, segments

TIME = 1_700_000_000


@dataclass(frozen=True)
class Route:
    """One path to inject."""

    prefix: str
    as_path: tuple[int, ...]
    next_hop: str
    med: int | None = None
    communities: tuple[tuple[int, int], ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    origin: int = 0
    atomic_aggregate: bool = False
    aggregator: tuple[int, str] | None = None
    as_set: tuple[int, ...] = ()


def attributes(route: Route) -> Attributes:
    """The attributes as the tables of the tests have them."""
    return Attributes(
        origin=("IGP", "EGP", "INCOMPLETE")[route.origin],
        as_path=segments([("sequence", route.as_path), ("set", route.as_set)]),
        next_hop=route.next_hop,
        med=route.med,
        communities=frozenset(f"{asn}:{value}" for asn, value in route.communities),
        large_communities=frozenset(":".join(map(str, triple)) for triple in route.large_communities),
        atomic_aggregate=route.atomic_aggregate,
        aggregator=route.aggregator,
    )


def routes(ipv4: int, ipv6: int, next_hop4: str, next_hop6: str, seed: int) -> Iterator[Route]:
    """Different prefixes of mixed lengths with a realistic spread of attributes, by seed."""
    choice = random.Random(seed)
    profiles = [_profile(choice) for _ in range(max(1, (ipv4 + ipv6) // 8))]
    for prefix in _prefixes(choice, ipv4, 4):
        yield replace(choice.choice(profiles), prefix=prefix, next_hop=next_hop4)
    for prefix in _prefixes(choice, ipv6, 6):
        yield replace(choice.choice(profiles), prefix=prefix, next_hop=next_hop6)


def _prefixes(choice: random.Random, count: int, version: int) -> Iterator[str]:
    seen = set()
    while len(seen) < count:
        if version == 4:
            length = choice.choices((24, 23, 22, 20, 19, 16), (60, 12, 12, 8, 4, 4))[0]
            # Unicast space in which no host of the tests has an address.
            value = choice.randrange(20, 220) << 24 | choice.getrandbits(24)
            network = ipaddress.ip_network((value >> (32 - length) << (32 - length), length))
            if network.network_address.is_loopback:
                continue
        else:
            length = choice.choices((48, 32, 44, 40, 64), (50, 20, 12, 12, 6))[0]
            value = (0x2400 << 112) | choice.getrandbits(115)  # 2400::/13
            network = ipaddress.ip_network((value >> (128 - length) << (128 - length), length))
        if network not in seen:
            seen.add(network)
            yield str(network)


def _profile(choice: random.Random) -> Route:
    path = tuple(choice.choice((174, 1299, 2914, 3356, 6939, 65_550, 262_589, 401_123)) for _ in range(choice.randrange(1, 4)))
    origin = choice.randrange(1000, 400_000)
    path += (origin,) * choice.choice((1, 1, 1, 1, 2, 4))
    return Route(
        prefix="",
        next_hop="",
        as_path=path,
        origin=choice.choices((0, 1, 2), (80, 2, 18))[0],
        med=choice.randrange(4_294_967_295) if choice.random() < 0.2 else None,
        communities=tuple(sorted({(choice.choice(path) & 0xFFFF, choice.randrange(65_000)) for _ in range(choice.choice((0, 1, 3, 12)))})),
        large_communities=tuple(sorted({(origin, choice.randrange(1000), choice.randrange(70_000)) for _ in range(choice.choice((0, 0, 0, 2)))})),
        atomic_aggregate=choice.random() < 0.05,
        aggregator=(origin, f"203.0.113.{choice.randrange(1, 255)}") if choice.random() < 0.07 else None,
        as_set=tuple(sorted({choice.randrange(1000, 400_000) for _ in range(3)})) if choice.random() < 0.02 else (),
    )


def write(path: str, table: Iterable[Route], asn: int, router_id: str) -> None:
    """Writes the dump, as seen from one peer."""
    with open(path, "wb") as out:
        router = ipaddress.IPv4Address(router_id).packed
        peer = b"\x02" + router + router + struct.pack("!I", asn)  # IPv4, 4-octet AS
        _record(out, 1, router + struct.pack("!HH", 0, 1) + peer)
        for sequence, route in enumerate(table):
            network = ipaddress.ip_network(route.prefix)
            nlri = bytes([network.prefixlen]) + network.network_address.packed[: (network.prefixlen + 7) // 8]
            attributes = _attributes(route, network.version, nlri)
            entry = struct.pack("!HHIH", 1, 0, TIME, len(attributes)) + attributes
            _record(out, 2 if network.version == 4 else 4, struct.pack("!I", sequence) + nlri + entry)


def _record(out, subtype: int, body: bytes) -> None:
    out.write(struct.pack("!IHHI", TIME, 13, subtype, len(body)) + body)


def _attributes(route: Route, version: int, nlri: bytes) -> bytes:
    path = bytes([2, len(route.as_path)]) + b"".join(struct.pack("!I", asn) for asn in route.as_path)
    if route.as_set:
        path += bytes([1, len(route.as_set)]) + b"".join(struct.pack("!I", asn) for asn in route.as_set)
    next_hop = ipaddress.ip_address(route.next_hop).packed
    out = _attribute(0x40, 1, bytes([route.origin])) + _attribute(0x40, 2, path)
    if version == 4:
        out += _attribute(0x40, 3, next_hop)
    if route.med is not None:
        out += _attribute(0x80, 4, struct.pack("!I", route.med))
    if route.atomic_aggregate:
        out += _attribute(0x40, 6, b"")
    if route.aggregator:
        out += _attribute(0xC0, 7, struct.pack("!I", route.aggregator[0]) + ipaddress.IPv4Address(route.aggregator[1]).packed)
    if route.communities:
        out += _attribute(0xC0, 8, b"".join(struct.pack("!HH", *pair) for pair in route.communities))
    if version == 6:
        out += _attribute(0x80, 14, struct.pack("!HBB", 2, 1, 16) + next_hop + b"\0" + nlri)
    if route.large_communities:
        out += _attribute(0xC0, 32, b"".join(struct.pack("!III", *triple) for triple in route.large_communities))
    return out


def _attribute(flags: int, kind: int, value: bytes) -> bytes:
    return bytes([flags, kind, len(value)]) + value
