"""GoBGP → FRR → Arancini → JetStream: the tables that follow from the stream equal what the routers show.

The tests run in order: each goes on from where the one before left the routers, and ends with the
comparison of every table of every router, prefix by prefix and path by path.
"""

from dataclasses import replace

from lab import HUB, PORT
from mrt import routes
from tables import TableKey
from waiting import until

IPV4, IPV6, OF_B = 20_000, 2_000, 300


def injected(lab):
    """The routes that GoBGP A gets in bulk, always the same."""
    return list(routes(IPV4, IPV6, lab.a.address, lab.a.address6, seed=1))


def withdrawable(lab):
    """The routes that GoBGP A gets one by one."""
    return list(routes(240, 60, lab.a.address, lab.a.address6, seed=3))


def permitted(route):
    """Whether FRR's import policy (frr.conf) permits the route."""
    return ":" not in route.prefix and int(route.prefix.split(".")[0]) < 128


def test_table_dump(lab):
    lab.inject(lab.a, injected(lab))
    # GoBGP B has routes of its own, half of them for prefixes of A's: FRR holds two paths. These
    # are prefixes that FRR's policy permits: of a denied one FRR sends the path before policy
    # only when another peer's path happens to wake it.
    same = [route for route in injected(lab) if permitted(route)][: OF_B // 2]
    other = list(routes(OF_B // 2, 0, lab.b.address, lab.b.address6, seed=2))
    mine = [replace(route, next_hop=lab.b.address, as_path=(64_700, *route.as_path), as_set=()) for route in same + other]
    lab.inject(lab.b, mine)
    lab.a.add(withdrawable(lab))
    lab.wait_equal()
    assert lab.reader.counts["announces"] >= 2 * IPV4


def test_path_changes(lab):
    changed = [replace(route, as_path=(64_512, *route.as_path)) for route in injected(lab)[1_000:2_500]]
    changed += [replace(route, med=(route.med or 0) // 2 + 7) for route in injected(lab)[3_000:3_500]]
    changed += [replace(route, communities=((64_512, 1),)) for route in injected(lab)[-500:]]
    lab.inject(lab.a, changed)
    lab.wait_equal()


def test_withdraws(lab):
    before = lab.reader.counts["withdraws"]
    lab.a.withdraw([route.prefix for route in withdrawable(lab)[40:]])
    lab.wait_equal()
    assert lab.reader.counts["withdraws"] > before + 200


def test_cleared_session(lab):
    """A Peer Down withdraws the peer's routes exactly once, and they come back with the session."""
    table = TableKey(lab.frr.address, lab.a.address, "adj-rib-in-post", "1/1")
    held, before = len(lab.held()[table]), lab.reader.counts["synthetic_withdraws"]
    lab.frr.clear(lab.a.address)
    until("the peer's routes are withdrawn", lambda: lab.held() and lab.reader.counts["synthetic_withdraws"] >= before + held, 150)
    lab.wait_established()
    lab.wait_equal()


def test_bmp_session_restart(lab):
    """Routes change and go while FRR's BMP session is down. Its next dump is merged, not repeated."""
    lab.frr.connect_bmp(HUB, PORT, False)
    everything = injected(lab)
    lab.inject(lab.a, [replace(route, as_path=(64_513, *route.as_path)) for route in everything[5_000:5_400]])
    gone = [route.prefix for route in withdrawable(lab)[:40]]
    lab.a.withdraw(gone)
    settled = TableKey(lab.a.address, "", "loc-rib", "1/1")
    until("FRR has taken the withdraws", lambda: not {key.prefix for key in lab.held()[settled]} & set(gone), 60)
    lab.frr_dumped = True
    announced = lab.reader.counts["announces"]
    lab.frr.connect_bmp(HUB, PORT, True)
    lab.wait_equal()
    # New to the stream: the changes, and before policy the routes that FRR's policy denies.
    newly_visible = IPV4 + IPV6 - sum(
        len(lab.held()[TableKey(lab.frr.address, peer, "adj-rib-in-post", family)])
        for peer, family in ((lab.a.address, "1/1"), (lab.a.address6, "2/1"))
    )
    assert lab.reader.counts["announces"] - announced <= newly_visible + 4 * 400


def test_stop_loses_nothing(lab):
    """After SIGTERM everything that was received is in the stream, and the exit code is 0."""
    assert lab.collector.stop() == 0
    assert not lab.differences()
