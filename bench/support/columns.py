"""Digests of the columns of an export, from the JSON Lines and from the engines that read the Parquet file.

A column is cut into chunks of `CHUNK` rows, in the order of the file. The digest of a chunk is SHA-256 over what is null, and over
all values: numbers with 64 bits, the lengths of texts and lists, and their contents. A null list and an empty one count alike, since
the export writes an empty list as null, and ClickHouse has no list that is null.
"""

import concurrent.futures
import functools
import hashlib
import ipaddress
import itertools
import json
import os

import numpy
import pyarrow
import pyarrow.compute

CHUNK = 50_000
ADDRESSES = ("routerAddr", "peerAddr", "prefixAddr", "nextHop", "linkLocalNextHop")
# Text in the JSON form, because JavaScript would round them; 0 is "absent" there.
LONG_NUMBERS = ("timeReceivedNs", "timeBmpHeaderNs", "sequence")
JSON_TEXTS = ("asPathSegments", "unknownAttributes")


def digests(column):
    """The digests of the chunks of a column, which is a chunked array of Arrow."""
    chunks = (column.slice(begin, CHUNK) for begin in range(0, len(column), CHUNK))
    return [digest(pyarrow.concat_arrays(chunk.chunks)) for chunk in chunks]


def digest(array):
    found = hashlib.sha256()
    for part in parts(array):
        found.update(part)
    return found.hexdigest()


def parts(array):
    """What there is of an array, as bytes, independent of how an engine lays it out."""
    kind = array.type
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        lengths = pyarrow.compute.list_value_length(array).cast(pyarrow.int64()).fill_null(0)
        yield from (b"list", lengths.to_numpy(zero_copy_only=False).tobytes())
        yield from parts(array.flatten())
        return
    yield numpy.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes()
    if pyarrow.types.is_boolean(kind) or pyarrow.types.is_integer(kind) or pyarrow.types.is_timestamp(kind):
        if not pyarrow.types.is_uint64(kind):
            array = array.cast(pyarrow.int64())
        yield array.fill_null(0).to_numpy(zero_copy_only=False).tobytes()
        return
    if pyarrow.types.is_fixed_size_binary(kind):
        array = array.cast(pyarrow.binary())
    array = array.cast(pyarrow.large_binary()).fill_null(b"")
    offsets = numpy.frombuffer(array.buffers()[1], numpy.int64)[array.offset : array.offset + len(array) + 1]
    yield numpy.diff(offsets).tobytes()
    if len(array) and offsets[-1] > offsets[0]:
        yield memoryview(array.buffers()[2])[offsets[0] : offsets[-1]]


# The JSON form -------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(100_000)
def octets_of(address):
    parsed = ipaddress.ip_address(address)
    return parsed.packed if parsed.version == 6 else bytes(10) + b"\xff\xff" + parsed.packed


def row_of(update):
    """An update as JSON in the form of the columns."""
    if update.pop("type") != "update":
        raise ValueError("the export has something that is no update")
    for name in ADDRESSES:
        if name in update:
            update[f"{name}Bytes"] = octets_of(update[name])
    update.pop("prefixAddr", None)
    for name in LONG_NUMBERS:
        if name in update:
            update[name] = int(update[name]) or None
    if "attributeFingerprint" in update:
        update["attributeFingerprint"] = int(update["attributeFingerprint"], 16)
    for name in JSON_TEXTS:
        if name in update:
            update[name] = json.dumps(update[name], separators=(",", ":"))
    if "rawNlri" in update:
        update["rawNlri"] = bytes.fromhex(update["rawNlri"])
    if update["announced"]:
        update.setdefault("atomicAggregate", False)
    return update


def digests_of_lines(schema, lines):
    """The digests of one chunk of JSON Lines, by column."""
    rows = [row_of(json.loads(line)) for line in lines.splitlines()]
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise ValueError(f"Parquet has no column for {', '.join(sorted(unknown))}")
    columns = {}
    for field in schema:
        kind = pyarrow.int64() if pyarrow.types.is_timestamp(field.type) else field.type
        columns[field.name] = digest(pyarrow.array([row.get(field.name) for row in rows], kind))
    return len(rows), columns


def digests_of_json(schema, file):
    """The digests of all chunks of JSON Lines, by column; and the number of rows. All cores read."""
    rows, columns = 0, {name: [] for name in schema.names}
    workers = os.cpu_count() or 1
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        waiting = []
        while True:
            lines = b"".join(itertools.islice(file, CHUNK))
            if lines:
                waiting.append(pool.submit(digests_of_lines, schema, lines))
            if not waiting:
                return rows, columns
            if not lines or len(waiting) > workers:
                count, found = waiting.pop(0).result()
                rows += count
                for name, value in found.items():
                    columns[name].append(value)


# The engines ---------------------------------------------------------------------------------------------------------------------


def duckdb_columns(path):
    """Reads a column at a time with DuckDB."""
    import duckdb

    def read(field):
        rows = f"SELECT {field.name} FROM read_parquet('{path}', file_row_number = true) ORDER BY file_row_number"
        return duckdb.sql(rows).to_arrow_table().column(0)

    return duckdb.__version__, read


def polars_columns(path):
    """Reads a column at a time with polars."""
    import polars

    def read(field):
        frame = polars.scan_parquet(path).select(field.name).collect()
        return frame.to_arrow(compat_level=polars.CompatLevel.oldest()).column(0)

    return polars.__version__, read


def chdb_columns(path):
    """Reads a column at a time with ClickHouse in a process."""
    import chdb

    def read(field):
        name = f"toUnixTimestamp64Nano({field.name})" if pyarrow.types.is_timestamp(field.type) else field.name
        rows = (
            f"SELECT {name} FROM file('{path}', Parquet) SETTINGS max_threads = 1, input_format_parquet_preserve_order = 1, "
            "output_format_arrow_string_as_string = 0, output_format_arrow_fixed_string_as_fixed_byte_array = 1"
        )
        return chdb.query(rows, "ArrowTable").column(0)

    return chdb.engine_version if hasattr(chdb, "engine_version") else chdb.__version__, read


ENGINES = {"chdb": chdb_columns, "duckdb": duckdb_columns, "polars": polars_columns}
