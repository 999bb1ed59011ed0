"""Workday's business events: what they say of a day, rescinds, and moments."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, Ignored
from tests.support.workday import NOON, published, us, utc


def test_a_termination_ahead() -> None:
    """It becomes a row with its end at the place it names, and the worker is fetched before others."""
    parsed = published(location="Melbourne Office")
    (event,) = parsed.events
    assert event.effective is not None
    assert (event.attributes, utc(event.effective.at)) == ({"active": False}, "2026-05-14T14:00:00Z")
    assert (event.subject, event.anchor, event.row, event.event) == ("21001", "21001", "be-1", "be-1")
    assert event.order == (us("2026-04-20T10:15:00Z"), 1, "be-1")
    assert parsed.notifications == (FetchRequest("21001", "be-1", event.order[0], "Terminate Employee", urgent=True),)


def test_a_backdated_termination_acts_at_once() -> None:
    """There is no moment to wait for."""
    (event,) = published(terminationDate="2026-04-01").events
    assert (event.attributes, event.effective) == ({"active": False}, None)


def test_a_moment_within_a_day_counts_as_it_is() -> None:
    """Midnight as written is a date, in whatever zone it was written."""
    exact = published(terminationDate=..., effectiveDate="2026-05-14T17:00:00+10:00").events[0].effective
    midnight = published(terminationDate=..., effectiveDate="2026-05-14T00:00:00-07:00", location="Melbourne Office")
    assert exact is not None
    assert utc(exact.at) == "2026-05-14T07:00:00Z"
    ends = midnight.events[0].effective
    assert ends is not None
    assert utc(ends.at) == "2026-05-14T14:00:00Z"


@pytest.mark.parametrize(
    ("changes", "attributes", "urgent"),
    [
        ({"terminationDate": ...}, None, True),
        ({"eventName": "Termination Request", "terminationDate": "2026-04-01"}, None, True),
        ({"eventName": "Rescind Termination", "terminationDate": "2026-04-01"}, None, True),
        ({"eventName": "endContingentWorkerContract", "terminationDate": "2026-04-01"}, {"active": False}, True),
        ({"eventName": "Hire Employee", "hireDate": "2026-04-01", "terminationDate": ...}, None, False),
        ({"eventName": "Hire Employee", "hireDate": "2026-06-01", "terminationDate": ...}, None, False),
        ({"eventName": "Change Job", "terminationDate": ...}, None, False),
        ({"eventName": "Change Job", "Title": "Lead", "terminationDate": ...}, {"job": "Lead"}, False),
    ],
)
def test_business_events(changes: dict[str, Any], attributes: Any, urgent: bool) -> None:
    """What acts by itself, what has to be fetched, and how urgently."""
    parsed = published(**changes)
    assert [said.attributes for said in parsed.events] == ([] if attributes is None else [attributes])
    assert [notice.urgent for notice in parsed.notifications] == [urgent]


def test_rescinded_business_events() -> None:
    """A rescinded end takes back its row, a rescinded hire also takes access; both are fetched."""
    for number, row_id in (("be-1", "be-1"), (..., "end/2026-05-14")):
        (event,) = published(eventId=number).events
        (rescinded,) = published(eventId=number, rescinded="true").events
        assert (event.row, rescinded.cancels, rescinded.attributes) == (row_id, row_id, {})
        assert event.order < rescinded.order
    assert published(rescinded=True, cancels="be-0").events[0].cancels == "be-0"
    hire = published(eventName="Hire", hireDate="2026-06-01", rescinded=True)
    assert (hire.events[0].attributes, hire.notifications[0].urgent) == ({"active": False}, True)


def test_an_event_from_the_future_counts_as_now() -> None:
    """A clock that is ahead mustn't make what comes later look stale."""
    (event,) = published(eventTime="2027-01-01T00:00:00Z").events
    assert event.order[0] == us(NOON)


def test_a_worker_id_is_needed() -> None:
    """Nobody is guessed by e-mail."""
    assert published(workerId=...).ignored == (Ignored("incomplete", "no worker id under any of the configured names"),)
