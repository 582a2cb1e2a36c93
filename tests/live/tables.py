"""Routing tables as these tests compare them, whether a router or the stream shows them."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Attributes:
    """The path attributes that both sides show. They are sets where order has no meaning."""

    origin: str
    as_path: tuple[tuple[str, tuple[int, ...]], ...]
    next_hop: str
    med: int | None = None
    communities: frozenset[str] = frozenset()
    large_communities: frozenset[str] = frozenset()
    atomic_aggregate: bool = False
    aggregator: tuple[int, str] | None = None


@dataclass(frozen=True)
class TableKey:
    """The name of a table. `peer` is empty for Loc-RIB."""

    router: str
    peer: str
    view: str
    family: str
    distinguisher: int = 0


@dataclass(frozen=True)
class RouteKey:
    """A route within a table."""

    prefix: str
    path_id: int | None = None
    route_distinguisher: int | None = None


Table = dict[RouteKey, Attributes]


def segments(parts) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """An AS path of (kind, asns). The order within a set has no meaning."""
    return tuple((kind, tuple(sorted(asns) if kind == "set" else asns)) for kind, asns in parts if asns)


def prepended(table: Table, asn: int) -> Table:
    """The same table with an AS number put before each path."""
    out: Table = {}
    for route, attributes in table.items():
        path = attributes.as_path
        if path and path[0][0] == "sequence":
            path = (("sequence", (asn, *path[0][1])), *path[1:])
        else:
            path = (("sequence", (asn,)), *path)
        out[route] = replace(attributes, as_path=path)
    return out


def differences(name: str, shown: Table, held: Table, limit: int = 5) -> list[str]:
    """The differences between a router's table and the stream's, in words; empty when they are equal."""
    out = []
    missing, extra = shown.keys() - held.keys(), held.keys() - shown.keys()
    other = [key for key in shown.keys() & held.keys() if shown[key] != held[key]]
    for what, keys in (("only the router has", missing), ("only the stream has", extra)):
        if keys:
            out.append(f"{name}: {what} {len(keys)} routes, e.g. {sorted(keys, key=str)[:limit]}")
    if other:
        out.append(f"{name}: {len(other)} routes differ")
        for key in sorted(other, key=str)[:limit]:
            out.append(f"  {key.prefix}\n    router {shown[key]}\n    stream {held[key]}")
    return out
