"""The schema of events and the worker accept and refuse the same."""

from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc import schemas
from streamproc.sources.hris import contract
from tests.support.schemas import (
    CLOUDEVENT_MISTAKES,
    MISTAKES,
    accepts,
    change,
    cloudevent,
    event,
    rejected,
    worker_accepts,
)

HEADERS = {"content-type": b"application/cloudevents+json"}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_refused_by_schema_and_worker_alike(mistake: Any) -> None:
    """A producer who checks before sending finds what the worker would reject."""
    assert not accepts(mistake)
    assert not worker_accepts(mistake)


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-02T09:00:00Z",
        "2026-03-02t09:00:00z",
        "2026-03-02T09:00:00.1Z",
        "2026-03-02T09:00:00.123456789+05:30",
        "2026-03-02T09:00:00-23:59",
        "0001-01-02T00:00:00Z",
    ],
)
def test_times_of_rfc_3339_are_accepted_by_schema_and_worker_alike(time: str) -> None:
    """The grammar in the schema isn't narrower than the standard, leap seconds apart."""
    assert accepts(event(time=time))
    assert worker_accepts(event(time=time))


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.sampled_from(["", " ", "E1", " E1", "change", "snapshot", "2026-03-02T09:00:00Z", "x" * 300, "a\nb", "\u2003"]),
    st.text("aé1 \n", max_size=5),
    st.builds(
        "{}{}".format, st.datetimes().map(datetime.isoformat), st.sampled_from(["Z", "", "+05:30", "-23:59", "+24:00"])
    ),
    st.lists(st.sampled_from([None, 1, "Spanish:4", []]), max_size=2),
    st.dictionaries(st.sampled_from(["", "Spanish", "active", " x ", "custom"]), st.sampled_from([None, 4, "4", {}])),
)


@st.composite
def events(draw: st.DrawFn) -> Any:
    """An event that was right, with a few things left out or put in place of others."""
    made = draw(st.sampled_from([event(), change(active=False)]))
    made = deepcopy(made)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([made, made["attributes"]])) if isinstance(made.get("attributes"), dict) else made
        names = [*contract.HrisEvent.model_fields, *contract.HrisAttributes.model_fields, "other"]
        name = draw(st.sampled_from(names))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = draw(JSON_VALUES)
    return made


@given(events())
def test_what_the_schema_accepts_the_worker_accepts(value: Any) -> None:
    """Apart from the rules that the schema's description names, valid means accepted."""
    if accepts(value):
        assert rejected(value) in {None, "time_ahead", "effective_ahead"}


@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_cloudevents_in_structured_mode_validate(kind: str) -> None:
    """Both accepted types, by the schema and by the worker, with and without the content type."""
    value = cloudevent(kind)
    assert accepts(value, schemas.CLOUDEVENT)
    assert worker_accepts(value)
    assert worker_accepts(value, HEADERS)


@pytest.mark.parametrize("mistake", CLOUDEVENT_MISTAKES.values(), ids=CLOUDEVENT_MISTAKES.keys())
def test_mistakes_in_cloudevents_are_refused_by_schema_and_worker_alike(mistake: Any) -> None:
    """The envelope is checked as strictly as what it carries."""
    assert not accepts(mistake, schemas.CLOUDEVENT)
    assert not worker_accepts(mistake, HEADERS)
