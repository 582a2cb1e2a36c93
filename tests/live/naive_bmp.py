"""A slow, plain reader of raw BMP bytes: the tables that a router's stream describes.

It shares no code with the collector. It tells apart a router that shows one thing and sends
another from a collector that gets it wrong. IPv4 and IPv6 unicast, no Add-Path.
"""

import ipaddress
import struct
from collections import defaultdict

from tables import Attributes, RouteKey, Table, TableKey, address_text, segments

ORIGINS = ("IGP", "EGP", "INCOMPLETE")
KINDS = {1: "set", 2: "sequence", 3: "confed-sequence", 4: "confed-set"}


def tables(router: str, stream: bytes) -> dict[TableKey, Table]:
    """Replays one session from its first byte."""
    out: dict[TableKey, Table] = defaultdict(dict)
    at = 0
    while at + 6 <= len(stream):
        length, kind = struct.unpack_from("!IB", stream, at + 1)
        message = stream[at : at + length]
        at += length
        if len(message) < length or kind not in (0, 2):
            continue
        peer_type, flags = message[6], message[7]
        peer = address_text(message[16:32] if flags & 0x80 else message[28:32])
        (distinguisher,) = struct.unpack_from("!Q", message, 8)
        if kind == 2:
            for key in [key for key in out if key.peer == ("" if peer_type == 3 else peer)]:
                del out[key]
            continue
        view = "loc-rib" if peer_type == 3 else f"adj-rib-{'out' if flags & 0x10 else 'in'}-{'post' if flags & 0x40 else 'pre'}"
        if peer_type == 3:
            peer = ""
        for family, prefix, attributes in _update(message[48:], 2 if flags & 0x20 else 4):
            table = out[TableKey(router, peer, view, family, distinguisher)]
            if attributes is None:
                table.pop(RouteKey(prefix), None)
            else:
                table[RouteKey(prefix)] = attributes
    return dict(out)


def _update(update: bytes, as_octets: int):
    """Yields (family, prefix, attributes or None) of one UPDATE."""
    (withdrawn_length,) = struct.unpack_from("!H", update, 19)
    at = 21 + withdrawn_length
    (attributes_length,) = struct.unpack_from("!H", update, at)
    raw = _attributes(update[at + 2 : at + 2 + attributes_length])
    (length,) = struct.unpack_from("!H", update, 16)
    for prefix in _prefixes(update[21 : 21 + withdrawn_length], 4):
        yield "1/1", prefix, None
    if 15 in raw:
        afi, safi = struct.unpack_from("!HB", raw[15])
        for prefix in _prefixes(raw[15][3:], 4 if afi == 1 else 16):
            yield f"{afi}/{safi}", prefix, None
    shared = _shared(raw, as_octets)
    for prefix in _prefixes(update[at + 2 + attributes_length : length], 4):
        yield "1/1", prefix, Attributes(next_hop=address_text(raw[3]), **shared)
    if 14 in raw:
        afi, safi, hop_length = struct.unpack_from("!HBB", raw[14])
        hop = address_text(raw[14][4 : 4 + min(hop_length, 16)])
        for prefix in _prefixes(raw[14][5 + hop_length :], 4 if afi == 1 else 16):
            yield f"{afi}/{safi}", prefix, Attributes(next_hop=hop, **shared)


def _attributes(block: bytes) -> dict[int, bytes]:
    out, at = {}, 0
    while at < len(block):
        flags, kind = block[at], block[at + 1]
        if flags & 0x10:
            (length,) = struct.unpack_from("!H", block, at + 2)
            at += 4
        else:
            length = block[at + 2]
            at += 3
        out[kind] = block[at : at + length]
        at += length
    return out


def _shared(raw: dict[int, bytes], as_octets: int) -> dict:
    if 2 not in raw:
        return {}
    path, parts, at = raw[2], [], 0
    while at < len(path):
        kind, count = path[at], path[at + 1]
        asns = struct.unpack_from(f"!{count}{'I' if as_octets == 4 else 'H'}", path, at + 2)
        parts.append((KINDS[kind], asns))
        at += 2 + count * as_octets
    words = lambda kind: struct.unpack(f"!{len(raw.get(kind, b'')) // 4}I", raw.get(kind, b""))
    large = words(32)
    aggregator = raw.get(7)
    return {
        "origin": ORIGINS[raw[1][0]],
        "as_path": segments(parts),
        "med": words(4)[0] if 4 in raw else None,
        "communities": frozenset(f"{word >> 16}:{word & 0xFFFF}" for word in words(8)),
        "large_communities": frozenset(f"{large[i]}:{large[i + 1]}:{large[i + 2]}" for i in range(0, len(large), 3)),
        "atomic_aggregate": 6 in raw,
        "aggregator": (int.from_bytes(aggregator[:-4]), address_text(aggregator[-4:])) if aggregator else None,
    }


def _prefixes(nlri: bytes, octets: int):
    at = 0
    while at < len(nlri):
        length = nlri[at]
        used = (length + 7) // 8
        address = nlri[at + 1 : at + 1 + used].ljust(octets, b"\0")
        yield f"{ipaddress.ip_address(address)}/{length}"
        at += 1 + used
