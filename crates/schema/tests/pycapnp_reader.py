#!/usr/bin/env python3
"""Prints each message of a payload as one line of JSON, read by pycapnp with nothing but a schema file.

    pycapnp_reader.py SCHEMA FILE [STRUCT]      STRUCT is Update unless given; bytes are printed as hexadecimal

Needs pycapnp (PyPI). Exits 77 where it is missing.
"""

import json
import sys

try:
    import capnp
except ImportError:
    print("skipped: no pycapnp", file=sys.stderr)
    sys.exit(77)


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


def main():
    schema, path = sys.argv[1:3]
    struct = sys.argv[3] if len(sys.argv) > 3 else "Update"
    capnp.remove_import_hook()
    reader = getattr(capnp.load(schema), struct)
    with open(path, "rb") as payload:
        for message in reader.read_multiple_bytes(payload.read()):
            print(json.dumps(plain(message.to_dict(verbose=True))))


if __name__ == "__main__":
    main()
