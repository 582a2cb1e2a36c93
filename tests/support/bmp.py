"""Routers that replay a recorded session and stay connected."""

import pathlib
import socket
import struct

import zstandard

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTE_MONITORING, PEER_DOWN, PEER_UP, TERMINATION = 0, 2, 3, 5
PEER_HEADER = slice(6, 48)


def recorded(name: str) -> list[bytes]:
    """The BMP messages of a recorded session, without the end of the session."""
    packed = (ROOT / "testdata" / f"{name}.bmp.zst").read_bytes()
    stream = zstandard.ZstdDecompressor().stream_reader(packed).read()
    messages = []
    while stream:
        (length,) = struct.unpack_from(">I", stream, 1)
        messages.append(stream[:length])
        stream = stream[length:]
    return [message for message in messages if message[5] != TERMINATION]


def peer_down(peer_up: bytes) -> bytes:
    """A Peer Down for the peer of a Peer Up: the remote side closed without a notification."""
    return struct.pack(">BIBB", 3, 49, PEER_DOWN, 0)[:6] + peer_up[PEER_HEADER] + b"\x04"


class Router:
    """A router with an address of its own on the loopback."""

    def __init__(self, number: int, collector: str) -> None:
        host, port = collector.rsplit(":", 1)
        self.address = f"127.0.1.{number}"
        self._socket = socket.create_connection((host, int(port)), timeout=60, source_address=(self.address, 0))

    def send(self, messages: list[bytes]) -> None:
        """Sends BMP messages."""
        self._socket.sendall(b"".join(messages))

    def close(self) -> None:
        """Ends the session."""
        self._socket.close()
