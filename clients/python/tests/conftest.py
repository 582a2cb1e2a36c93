"""Fixtures of the tests of arancini-client: the broker, the collector and the routers of the tests in `tests/`."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(pathlib.Path(__file__).parent)]


@pytest.fixture(scope="session")
def need():
    """Skips with a reason, if there is one. In CI a missing tool is a failure, because a skip would look like a pass."""

    def check(reason: str | None) -> None:
        if reason:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)

    return check


@pytest.fixture(scope="module")
def server(tmp_path_factory, need):
    """A nats-server."""
    import broker
    import collector

    need(broker.missing() or collector.missing())
    running = broker.NatsServer(tmp_path_factory.mktemp("nats") / "server")
    yield running
    running.close()
