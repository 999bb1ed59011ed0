"""What is settled before the log: telephone numbers, with the region that the event or its subject tells."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Effective, Fact
from streamproc.core.records.units import Micros
from streamproc.core.records.unread_fact import unread_fact, why_unread
from streamproc.sources import configured
from streamproc.sources.settled import settled
from streamproc.sources.values.unread import UNREAD, Unread


def _event(kind: Any = "change", **attributes: Fact) -> SourceEvent:
    return SourceEvent("E1", "e1", kind, (Micros(1), 0, "e1"), attributes)


NO_NUMBER, NO_REGION = unread_fact("number"), unread_fact("region")


def _settled(event: SourceEvent, region: str = "", **known: Fact) -> dict[str, Fact]:
    options = configured(f'[hris]\nregion = "{region}"\nphones = ["desk"]', "sources.toml")["hris"]

    def heard(name: str) -> Fact | Unread:
        return known.get(name, UNREAD)

    (made,) = settled([event], options, heard)
    assert replace(made, attributes=event.attributes) == event
    return made.attributes


def test_numbers_are_those_that_all_sources_have_and_those_configured() -> None:
    """Nothing else is looked at."""
    said = _settled(_event(phone="(317) 555-0100", mobile=3175550101, desk=["317.555.0102"], job="1"), "US")
    assert said == {"phone": "+13175550100", "mobile": "+13175550101", "desk": "+13175550102", "job": "1"}


@pytest.mark.parametrize(
    ("event", "known", "number"),
    [
        (_event(phone="913 12 34 56", country="es "), {}, "+34913123456"),
        (_event(phone="913 12 34 56"), {"country": "ES"}, "+34913123456"),
        (_event(phone="913 12 34 56", country="ES"), {"country": "PT"}, "+34913123456"),
        (_event(phone="213 123 456", country=None), {"country": "ES"}, "+351213123456"),  # or else, by the option
        (_event("snapshot", phone="213 123 456"), {"country": "ES"}, "+351213123456"),
        (_event(phone="+34 913 12 34 56"), {}, "+34913123456"),
    ],
)
def test_the_region_is_the_events_own_or_its_subjects(event: SourceEvent, known: Any, number: str) -> None:
    """A snapshot that leaves it out says that there is none, and so does null: then the next of the option counts."""
    assert _settled(event, "country|PT", **known) == {**event.attributes, "phone": number}


@pytest.mark.parametrize(
    ("event", "known", "unread"),
    [
        (_event(phone="213 123 456"), {}, NO_REGION),
        (_event(phone="213 123 456", country="Spain"), {"country": "PT"}, NO_REGION),
        (replace(_event("snapshot", phone="213 123 456"), kept=("country",)), {}, NO_REGION),
        (_event(phone="12", country="ES"), {}, NO_NUMBER),
        (_event(phone="at the desk"), {}, NO_NUMBER),
        (_event(phone="+34 9"), {}, NO_NUMBER),
        (_event(phone=True), {}, NO_NUMBER),
        (_event(phone=["+34913123456", "+34913123457"]), {}, NO_NUMBER),
    ],
)
def test_what_cant_be_told_is_a_fact_that_says_why(event: SourceEvent, known: Any, unread: Fact) -> None:
    """And the rest counts. That nothing was heard of a region isn't that there is none."""
    said = _settled(event, "country|PT", **known)
    assert said == event.attributes | {"phone": unread}
    assert _settled(replace(event, attributes=said), "US") == said, "once and for all"
    desired, problems = parse_mapping('[attributes]\nphone = "phone"\n').desire("E1", said, {"phone": "+34913123456"})
    assert (desired.get("phone"), problems) == ("+34913123456", [f"phone: {why_unread(unread)}"])


def test_events_of_one_record_tell_each_other() -> None:
    """Only of the same subject, and only what holds at once."""
    options = configured('[hris]\nregion = "country"', "sources.toml")["hris"]
    number = _event(phone="913 12 34 56")
    ahead = replace(_event(country="ES"), effective=Effective(Micros(9), "9", "UTC"))
    assert settled([_event(country="ES"), number], options)[1].attributes == {"phone": "+34913123456"}
    for first in (replace(_event(country="ES"), subject="E2"), ahead):
        assert settled([first, number], options)[1].attributes == {"phone": NO_REGION}
