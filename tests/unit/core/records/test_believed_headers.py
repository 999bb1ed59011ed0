"""Which headers count where, and within which bounds."""

import pytest

from streamproc.core.records.believed_headers import KNOWN, Placed, believed, words
from streamproc.core.records.headers import (
    BODY,
    BY_GATEWAY,
    FORWARDED,
    KIND,
    OF,
    READ,
    RECEIVED,
    REPLAY,
    SUBJECT,
    UNREADABLE,
    Unread,
)
from streamproc.core.records.units import Millis

NOW = 1_796_000_000_000
US = NOW * 1000
DAY = 86_400_000_000


def counts(topic: str, name: str, content: bytes) -> bytes | None:
    """What is believed of a header."""
    return believed(Placed(topic, b"k", Millis(NOW)), {name: content}).headers.get(name)


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("events.hris", set()),
        ("events.debezium", set()),
        ("events.okta", {RECEIVED, READ, KIND, SUBJECT, BY_GATEWAY, BODY}),
        ("intake.okta", {RECEIVED, READ, KIND, SUBJECT, BY_GATEWAY, BODY}),
        ("notifications.okta", {RECEIVED, SUBJECT, BY_GATEWAY, BODY, REPLAY, FORWARDED}),
        ("streamproc.forwarded", {RECEIVED, READ, KIND, SUBJECT, BY_GATEWAY, BODY, REPLAY, FORWARDED, OF}),
        ("streamproc.controls", set()),
        ("identity.changes", set()),
        ("events.rejected", set()),
        ("anything.else", set()),
    ],
)
def test_each_topic_has_the_headers_of_its_writers(topic: str, names: set[str]) -> None:
    """With contents that can be; whatever else is ours in its name is foreign, and told."""
    right = dict.fromkeys(KNOWN, b"x") | {RECEIVED: str(US).encode(), READ: str(US).encode(), KIND: b"gone"}
    headers = {
        **right,
        SUBJECT: b"k",
        BY_GATEWAY: b"okta",
        "Streamproc-Kind": b"gone",
        "streamproc-new": b"",
        "a": b"b",
    }
    found = believed(Placed(topic, b"k", Millis(NOW)), headers)
    assert found.headers.keys() == {*names, "a"}
    assert {*found.foreign} == headers.keys() - found.headers.keys()


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        (RECEIVED, US, US),
        (RECEIVED, US - DAY, US - DAY),
        (RECEIVED, US - DAY - 1, None),
        (RECEIVED, US + 1, US),
        (RECEIVED, US + 300_000_000, US),
        (RECEIVED, US + 300_000_001, None),
        (READ, US + DAY, US + DAY),
        (READ, US + DAY + 1, None),
        (READ, 0, 0),
        (READ, 99_999_999_999_999_999, None),
    ],
)
def test_times_have_bounds_by_the_brokers(name: str, content: int, kept: int | None) -> None:
    """A gateway's clock may be ahead a little, which counts as the broker's time; a source's by a day."""
    assert counts("intake.hris", name, str(content).encode()) == (None if kept is None else str(kept).encode())


@pytest.mark.parametrize("content", [b"", b"-1", b" 1", b"1.0", b"\xd9\xa3", b"9" * 19, b"9" * 5000, b"1_0"])
def test_what_is_no_time_is_none(content: bytes) -> None:
    """Digits of other scripts, too."""
    assert [counts(topic, READ, content) for topic in ("intake.hris", "streamproc.forwarded")] == [None, None]


def test_a_subject_is_the_keys_and_a_source_the_topics() -> None:
    """Nobody is called gone in a record about somebody else."""
    assert counts("intake.hris", SUBJECT, b"other") is None
    assert counts("intake.hris", BY_GATEWAY, b"okta") is None
    assert counts("notifications.hris", KIND, b"gone") is None
    assert counts("intake.hris", KIND, b"order") is None


def test_only_this_process_says_that_a_batch_cant_be_read() -> None:
    """What comes from a broker is plain bytes."""
    assert counts("events.hris", UNREADABLE, b"offsets 1 to 2 can't be read") is None
    assert counts("events.hris", UNREADABLE, Unread(b"offsets 1 to 2 can't be read")) is not None


def test_names_of_others_arent_repeated() -> None:
    """They may hold anything."""
    assert "\x1b" not in words(("streamproc-\x1b[2J",))
    assert KIND in words((KIND, "streamproc-\x1b[2J"))
