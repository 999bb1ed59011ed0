"""What a source says, in sizes that state can hold."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Place, SourceEvent
from streamproc.core.records.change_event import Effective
from streamproc.core.records.units import Micros
from streamproc.worker.decide.sized import LARGEST, LONGEST, shortened, sized

EVENT = SourceEvent("S1", "e1", "snapshot", (Micros(1), 0, "e1"), {"active": False, "job": "agent"})


def test_what_is_as_usual_stays_as_it_is() -> None:
    """The very same."""
    assert sized([EVENT], 1_000_000) == ([EVENT], [])


def test_a_value_that_is_too_large_isnt_said_and_is_told() -> None:
    """A snapshot keeps what was known of it; the rest counts."""
    large = replace(
        EVENT, attributes={**EVENT.attributes, "photo": "x" * (LARGEST + 1), "n" * 300: 1, "l": ["é" * LARGEST]}
    )
    (said,), problems = sized([large], 1_000_000)
    assert said.attributes == EVENT.attributes
    assert said.kept == ("photo", "n" * LONGEST, "l")
    assert [(each.code, each.subject, each.field) for each in problems] == [
        ("too_large", "S1", name) for name in ("photo", "n" * 300, "l")
    ]
    assert sized([replace(large, kind="change")], 1_000_000)[0][0].kept == ()


def test_names_are_shortened() -> None:
    """Of the event, of its rows, and in its order; the reason is cut."""
    long = "x" * 70_000
    event = replace(EVENT, event=long, order=(Micros(1), 0, long), row=f"r/{long}", cancels=long, reason=long)
    event = replace(
        event, subject=long, place=Place(long, long, snapshot=True), effective=Effective(Micros(2), long, long)
    )
    ((said,), _) = sized([event], 1_000_000)
    assert said.event == said.order[2] == said.cancels == shortened(long)
    assert max(map(len, (said.event, said.row or "", said.reason or ""))) <= 1_024
    assert said.place is not None
    assert said.effective is not None
    assert max(map(len, (said.subject, said.place.log, said.place.at, said.effective.said))) <= LONGEST * 3


@given(st.lists(st.text(max_size=200), min_size=1, max_size=12), st.integers(1, 7))
def test_a_row_is_found_by_what_its_name_begins_with(parts: list[str], first: int) -> None:
    """By whole parts, as a cancellation names it; and equal names stay equal."""
    name, begin = "/".join(parts), "/".join("/".join(parts).split("/")[:first])
    if len(name) > LONGEST and len(begin) > LONGEST and name.startswith(f"{begin}/"):
        assert shortened(name).startswith(f"{shortened(begin)}/")
    assert len(shortened(name)) <= max(LONGEST, 8 * 65)
    assert shortened(name) == shortened("".join(name))
