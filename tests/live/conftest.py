"""Fixtures of the live tests, and why they skip where they cannot run."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import broker
import collector
import namespaces


def _why_not() -> str | None:
    if collector.binary() is None:
        return "no arancini binary: cargo build --release, or set ARANCINI_BIN"
    if broker.binary() is None:
        return "no nats-server: scripts/test installs it into .venv"
    for tool in ("/usr/lib/frr/bgpd", "gobgpd", "gobgp"):
        if shutil.which(tool) is None:
            return f"no {tool}: apt-get install frr gobgpd"
    return namespaces.available()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two GoBGP and an FRR around one collector; shared by the tests of a module."""
    reason = _why_not()
    if reason:
        # CI has to have all of it; a skip there would look like a pass.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    from lab import Lab

    bench = Lab(tmp_path_factory.mktemp("lab"))
    yield bench
    bench.close()
