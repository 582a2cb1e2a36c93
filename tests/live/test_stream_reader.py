"""The judge is judged: the replay finds each fault that the live tests rely on it to find."""

import pytest

pytest.importorskip("capnp")
pytest.importorskip("nats")

from stream_reader import Replay

SUBJECT = "arancini.updates.v4_10_98_0_11.65000.1_1"


def update(replay, sequence, announced=True, fingerprint=7, prefix=b"\xc0\x00\x02\x00"):
    """One message of one update, as bytes."""
    message = replay.schema.Update.new_message()
    message.routerAddr = message.peerAddr = message.nextHop = bytes(10) + b"\xff\xff\x0a\x62\x00\x0b"
    message.prefixAddr, message.prefixLen = bytes(10) + b"\xff\xff" + prefix, 24
    message.afi, message.safi, message.sequence = 1, 1, sequence
    message.announced, message.attributeFingerprint = announced, fingerprint
    return message.to_bytes()


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([{}, {"fingerprint": 8}, {"announced": False}], None),
        ([{}, {}], "without a change"),
        ([{}, {"announced": False}, {"announced": False}], "was not there"),
        ([{"announced": False}], "was not there"),
        ([{}, {"announced": False}, {}], None),
    ],
)
def test_faults_are_found(steps, fault):
    replay = Replay()
    for sequence, step in enumerate(steps):
        replay.feed(SUBJECT, update(replay, sequence, **step))
    assert (replay.faults == []) == (fault is None)
    assert fault is None or fault in replay.faults[0]


def test_order_is_judged():
    replay = Replay()
    # Two messages back to back in one payload, the second with an older sequence.
    replay.feed(SUBJECT, update(replay, 5) + update(replay, 4, fingerprint=8))
    assert "sequence 4 after 5" in replay.faults[0]


def test_the_subject_names_the_family():
    replay = Replay()
    replay.feed(SUBJECT.replace("1_1", "2_1"), update(replay, 1))
    assert "carries family 1/1" in replay.faults[0]
