"""Fixtures of all tests in Python: the path of their support modules, and what happens without a tool."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))


@pytest.fixture(scope="session")
def need():
    """Skips with a reason, if there is one. In CI a missing tool is a failure, because a skip would look like a pass."""

    def check(reason: str | None) -> None:
        if reason:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)

    return check
