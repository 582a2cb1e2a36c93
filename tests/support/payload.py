"""Decompresses the payload of a published message with the standard libraries of LZ4 and Zstandard."""


def encoding(message) -> str | None:
    """The Content-Encoding header of a message, or None."""
    return (message.headers or {}).get("Content-Encoding")


def plain(message) -> bytes:
    """The payload without compression: Cap'n Proto messages back to back."""
    match encoding(message):
        case None:
            return message.data
        case "lz4":
            import lz4.frame

            return lz4.frame.decompress(message.data)
        case "zstd":
            import zstandard

            return zstandard.decompress(message.data)
        case other:
            raise ValueError(f"unknown Content-Encoding {other!r}")
