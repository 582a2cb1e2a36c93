"""Fixtures of the live tests, and the reasons for which they are skipped."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import broker
import collector
import judge
import namespaces


def _why_not() -> str | None:
    for reason in (collector.missing(), broker.missing(), judge.missing()):
        if reason:
            return reason
    for tool in ("/usr/lib/frr/bgpd", "gobgpd", "gobgp"):
        if shutil.which(tool) is None:
            return f"no {tool}: apt-get install frr gobgpd"
    return namespaces.available()


def _lab(directory, need, **settings):
    if os.geteuid() != 0:
        pytest.skip("the routers need root for their namespaces")
    need(_why_not())
    from lab import Lab

    bench = Lab(directory, **settings)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, need):
    """Two GoBGP and an FRR around one collector; shared by the tests of a module."""
    yield from _lab(tmp_path_factory.mktemp("lab"), need)


@pytest.fixture(scope="module")
def retaining_lab(tmp_path_factory, need):
    """The same lab, with a collector that retains attributes."""
    yield from _lab(tmp_path_factory.mktemp("lab"), need, ARANCINI_RIB__ATTRIBUTES="retain")
