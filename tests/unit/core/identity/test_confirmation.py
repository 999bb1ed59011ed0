"""Confirmation: an operator's link always reaches the log, since a claim that is held waits for it."""

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.identity.resolve import normalised, order, resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord


def said(offset: int, user: str | None, subject: str = "b") -> tuple[SourceEvent, Origin]:
    """A source's word on a subject."""
    order = (Micros(offset), 0, f"e{offset}")
    event = SourceEvent(subject, order[2], "snapshot", order, {"active": True, "userName": subject}, user)
    return event, Origin("events.okta", 0, offset, Millis(offset))


def linked(link: Link | None, offset: int, user: str = "U", subject: str = "okta/b") -> tuple[Link, list[ChangeEvent]]:
    """An operator says whose the subject is."""
    control = Control(f"c{offset}", "link", user, None, "kim", "asked HR", Millis(0), subject)
    placed = Origin("streamproc.controls", 0, offset, Millis(offset))
    return order(link, control, placed, Origin("events.okta", 0, offset, Millis(offset)))


def words(events: list[ChangeEvent]) -> list[tuple[str, str, str | None]]:
    """Kind, user, and who ordered it."""
    return [(each.kind, each.user, None if each.move is None else each.move.by) for each in events]


def test_an_order_that_says_what_the_source_says_is_told() -> None:
    """It moves nothing, and brings all that the subject has said, once."""
    link, _ = resolve(None, "okta", [said(1, "U")[0]], said(1, "U")[1])
    link, events = linked(link, 2)
    assert words(events) == [("link", "U", "kim")]
    assert events[0].move is not None
    assert (events[0].move.other, events[0].move.facts) == (None, link.facts)
    assert (link.user, linked(link, 2)[1]) == ("U", [])


def test_an_order_that_came_first_is_told_with_the_first_word() -> None:
    """Nothing was known of the subject then; whether its source names the same user now, or none."""
    for user in ("U", None):
        link, events = linked(None, 1)
        assert events == []
        link, events = resolve(link, "okta", [said(2, user)[0]], said(2, user)[1])
        assert words(events) == [("link", "U", "kim"), ("snapshot", "U", None)]
        assert resolve(link, "okta", [said(3, user)[0]], said(3, user)[1])[1][0].kind == "snapshot"
    link, _ = linked(None, 1)
    assert ("link", "V", None) in words(resolve(link, "okta", [said(2, "V")[0]], said(2, "V")[1])[1])


def test_a_subject_that_is_named_like_its_user_can_be_confirmed() -> None:
    """It comes past the links. What it says from then on counts."""
    mapping, record = parse_mapping(""), None
    first = resolve(None, "hris", [said(1, "U", "v")[0]], said(1, "U", "v")[1])[1]
    own, origin = said(2, None, "U")
    changes = [ChangeEvent("U", "hris", "U", "e", "snapshot", own.order, own.attributes, origin)]
    confirmed = linked(None, 3, "U", "hris/U")[1]
    assert words(confirmed) == [("link", "U", "kim")]
    record = None
    for seq, event in enumerate([*first, *changes, *confirmed]):
        record = fold(record, seq, event, mapping)
    assert isinstance(record, UserRecord)
    assert record.facts["hris/U"].standing == "confirmed"


def test_what_isnt_seen_is_in_no_user_id() -> None:
    """A claim with such a character is none, and an order neither."""
    assert [normalised(each) for each in ("U\u200b1", "\x00", "U\u202e", " U ")] == [None, None, None, "U"]
