"""Telephone numbers on their way into the log: settled once, whatever release of the library comes later."""

import json
from typing import Any

import pytest

from streamproc.core.fold.fold import fold_encoded
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.headers import FORWARDED, KIND, OF
from streamproc.core.records.link import Link
from streamproc.core.records.topic_names import FORWARDS
from streamproc.core.records.units import Millis
from streamproc.core.records.unread_fact import unread_fact
from streamproc.core.records.user_record import decode
from streamproc.sources import configured
from streamproc.sources.values import phones
from streamproc.worker.decide.route import route
from streamproc.worker.decide.route_forwarded import route_forwarded
from streamproc.worker.decide.routed import Routed
from streamproc.worker.decide.said import SAID
from streamproc.worker.raw_record import RawRecord

NOW = Millis(1_796_000_000_000)
MAPPING = parse_mapping('[attributes]\nphone = "phone"\n')
WORKDAY = configured('[workday]\nregion = "country"\n[workday.attributes]\ncountry = "Country"', "sources.toml")


def _hris(offset: int = 0, region: str = "", **attributes: Any) -> Routed:
    """An event of the contract."""
    event = {"id": f"e{offset}", "type": "change", "subject": "E1", "time": f"2026-11-29T08:00:0{offset}Z"}
    value = json.dumps({**event, "attributes": attributes}).encode()
    options = configured(f'[hris]\nregion = "{region}"', "sources.toml")
    return route(RawRecord("events.hris", 0, offset, NOW, b"E1", value, {}), options, lambda _: 0)


def _said(offset: int, link: Link | None, **attributes: Any) -> Routed:
    """What a row of Workday has said, at its subject's link."""
    event = {"subject": "E1", "event": f"e{offset}", "kind": "change", "order": [offset, 0, f"e{offset}"]}
    value = json.dumps([{**event, "attributes": attributes, "anchor": "E1"}]).encode()
    place = f"events.workday/0/{offset}/{NOW}".encode()
    headers = {KIND: SAID, OF: b"workday", FORWARDED: place}
    raw = RawRecord(FORWARDS, 0, offset, NOW, b"E1", value, headers)
    return route_forwarded(raw, lambda _: link, WORKDAY, lambda _: 0)


def test_an_event_of_the_contract_carries_the_number_as_it_is_sent() -> None:
    """By the region in the event, or by that of the options."""
    for routed in (
        _hris(phone="(317) 555-0100", region="US"),
        _hris(phone="317.555.0100", custom={"c": "us"}, region="c"),
    ):
        ((event, _),) = routed.events
        assert event.attributes["phone"] == "+13175550100"


def test_what_isnt_a_number_is_told_in_the_record() -> None:
    """What was known stays and the rest counts: a leaver's desk may be called anything."""
    known, left = _hris(0, "US", phone="(317) 555-0100"), _hris(1, phone="at the desk", active=False)
    record = decode(_record([event for routed in (known, left) for event, _ in routed.events]))
    assert (record.desired.get("active"), record.desired.get("phone")) == (False, "+13175550100")
    assert record.problems == ["phone: not a telephone number that can be dialled from abroad, or not one alone"]
    assert (left.rejected, left.problems) == (None, ()), "nobody whose mapping reads no number is bothered"
    gone = decode(_record([event for routed in (known, left, _hris(2, phone=None)) for event, _ in routed.events]))
    assert (gone.desired.get("phone", ""), gone.problems) == (None, [])


def test_a_linked_subjects_region_is_what_it_said_before() -> None:
    """The first row says the country, the second only the number; before it, nothing is guessed."""
    early = _said(1, None, phone="913 12 34 56", active=True)
    assert [event.attributes["phone"] for event, _ in early.events if event.kind == "change"] == [unread_fact("region")]
    country = _said(2, early.links[0].link, country="ES")
    number = _said(3, country.links[0].link, phone="913 12 34 56")
    assert [event.attributes for event, _ in number.events] == [{"phone": "+34913123456"}]


def _record(events: list[ChangeEvent]) -> bytes:
    value: bytes | None = None
    for seq, event in enumerate(events):
        value = fold_encoded(value, seq, event, MAPPING) or value
    assert value is not None
    return value


def test_another_release_changes_nothing_that_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that comes again after a crash and an upgrade is a repeat, and the log needs no library at all."""
    before = [event for event, _ in _hris(phone="(317) 555-0100", region="US").events]
    made = _record(before)
    monkeypatch.setattr(phones, "_made", lambda *_: "+19995550199")
    phones.e164.cache_clear()
    try:
        again = [event for event, _ in _hris(phone="(317) 555-0100", region="US").events]
    finally:
        phones.e164.cache_clear()
    assert again[0].attributes == {"phone": "+19995550199"}, "the release does differ"
    assert _record(before) == made
    repeated = decode(_record(before + again))
    assert repeated.desired.get("phone") == decode(made).desired.get("phone") == "+13175550100"
