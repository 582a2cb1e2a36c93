"""A published message's payload as it was before it was compressed, by the libraries of the standard tools."""


def encoding(message) -> str | None:
    """What the message's header says of its payload."""
    return (message.headers or {}).get("Content-Encoding")


def plain(message) -> bytes:
    """Cap'n Proto messages back to back."""
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
