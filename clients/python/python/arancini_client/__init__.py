"""Follows the stream of route updates that Arancini publishes, and keeps the current tables.

    async for batch in follow("nats://127.0.0.1:4222"):
        table.apply(batch)
"""

import pathlib

from ._follow import FollowError, follow
from ._native import SCHEMA_VERSION, Batch, BatchError
from ._problem import Problem
from ._resync import ResyncError, resync
from ._table import Table

SCHEMA = pathlib.Path(__file__).with_name("update.capnp")
"""Path of the Cap'n Proto schema of the payload."""

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "Batch",
    "BatchError",
    "FollowError",
    "Problem",
    "ResyncError",
    "Table",
    "follow",
    "resync",
]
