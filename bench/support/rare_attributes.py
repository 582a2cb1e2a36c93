"""A BMP session whose routes have attributes that generated loads and recordings lack: ONLY_TO_CUSTOMER, an unknown attribute, AS_SETs."""

import ipaddress
import struct

ASN = 64500
ROUTES = 1000


def messages():
    """The BMP messages of the session, until the last route."""
    peer = struct.pack(">BB8s16s4sIII", 0, 0, bytes(8), bytes(12) + address("192.0.2.7"), address("192.0.2.7"), ASN, 1_700_000_000, 123_456)
    name = b"rare"
    yield bmp(4, struct.pack(">HH", 2, len(name)) + name + struct.pack(">HH", 1, 0))
    yield bmp(3, peer + bytes(12) + address("192.0.2.1") + struct.pack(">HH", 179, 40_000) + 2 * open_message())
    for number in range(ROUTES):
        yield bmp(0, peer + update(number))


def bmp(kind, body):
    return struct.pack(">BIB", 3, 6 + len(body), kind) + body


def bgp(kind, body):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def open_message():
    four_octets = struct.pack(">BBI", 65, 4, ASN)
    return bgp(1, struct.pack(">BHH4sBBB", 4, ASN, 180, address("192.0.2.7"), 2 + len(four_octets), 2, len(four_octets)) + four_octets)


def update(number):
    """An UPDATE with one prefix."""
    path = struct.pack(">BBII", 2, 2, ASN, 4_200_000_000 + number) + struct.pack(">BBII", 1, 2, 64_600 + number, 64_601 + number)
    attributes = [
        attribute(0x40, 1, bytes([number % 3])),
        attribute(0x40, 2, path),
        attribute(0x40, 3, address("192.0.2.7")),
        attribute(0xC0, 35, struct.pack(">I", 4_000_000_000 + number)),
        attribute(0xC0, 240, number.to_bytes(1 + number % 40, "big") if number < 256 else bytes(number % 7) + b"\x80\xff"),
    ]
    attributes = b"".join(attributes)
    nlri = bytes([24, 203, number // 256, number % 256])
    return bgp(2, struct.pack(">HH", 0, len(attributes)) + attributes + nlri)


def attribute(flags, kind, value):
    return bytes([flags, kind, len(value)]) + value


def address(text):
    return ipaddress.ip_address(text).packed
