"""How far a link has heard the partitions that its source's records come from."""

from streamproc.core.records.change_event import Origin
from streamproc.core.records.link import MOST_HEARD, Link
from streamproc.core.records.units import Millis


def at(offset: int, topic: str = "events.okta", partition: int = 0, appended: int | None = None) -> Origin:
    """A record's place; later offsets were appended later."""
    return Origin(topic, partition, offset, Millis(offset if appended is None else appended))


def test_each_partition_has_a_place_of_its_own() -> None:
    """What was heard of one says nothing about another, or about a topic that was made anew."""
    link = Link(1, "okta", "a", at(1, "streamproc.forwarded"), heard=(at(5), at(3, "intake.okta")))
    assert [link.has_heard(each) for each in (at(4), at(5), at(6))] == [True, True, False]
    assert [link.has_heard(each) for each in (at(3, "intake.okta"), at(4, "intake.okta"))] == [True, False]
    assert not link.has_heard(at(2, partition=1))
    assert not link.has_heard(at(2, appended=9)), "made anew"
    assert link.with_heard(at(7)) == (at(3, "intake.okta"), at(7))


def test_whoever_uses_other_keys_each_time_fills_no_link() -> None:
    """The newest places are kept."""
    link = Link(1, "okta", "a", at(0, "streamproc.forwarded"))
    for number in range(500):
        link = Link(1, "okta", "a", link.origin, heard=link.with_heard(at(number, partition=number)))
    assert len(link.heard) == MOST_HEARD
    assert link.has_heard(at(499, partition=499))
