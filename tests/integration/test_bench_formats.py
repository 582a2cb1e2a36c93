"""`bench/formats` in small: every column of a Parquet export has the same digest in chdb, DuckDB, polars and the JSON export."""

import json
import subprocess
import sys

import collector
import pytest


def test_every_column_is_the_same_in_every_engine(tmp_path, need):
    """Loads of all kinds, recordings and hand-made cases give each column values, and the engines agree on all rows."""
    need(collector.missing())
    for module in ("chdb", "duckdb", "numpy", "polars", "pyarrow"):
        pytest.importorskip(module)
    command = [sys.executable, collector.ROOT / "bench" / "formats", "--arancini", collector.binary(), "--updates", "20000"]
    command += ["--runs", "1", "--json", "--keep", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["rows"] > 20_000
    assert [reader["differences"] for reader in report["readers"]] == [[], [], [], []]
    assert {reader["rows"] for reader in report["readers"]} == {report["rows"]}
    empty = [name for name, count in report["nulls"].items() if count >= report["rows"]]
    assert empty == [], "columns without any value"
