"""Any ChangeEvents of one source about one user, and the order in which they may arrive."""

from dataclasses import replace
from typing import Any, Literal

from hypothesis import strategies as st

from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Origin
from streamproc.core.records.units import Micros, Millis

NOW = 1_772_500_000_000
"""ms since 1970; when the first arrival is appended."""
MICROS = NOW * 1000
"""The same in µs: sources' times lie around it."""
WANTED = ("active", "department", "genesysQueue", "genesysRole", "group:Agents", "job")
"""Facts that the mapping of these tests reads."""

values: st.SearchStrategy[Fact] = st.sampled_from(
    [
        *(
            None,
            "",
            " ",
            "Agent",
            "Team Lead",
            "Billing",
            "Spanish:4, English",
            "a:b:9",
            '"hash":""',
            0,
            -1,
            2**63,
            0.5,
            1e300,
            True,
        ),
        *([], ["Agent", "Trainer"], ["Spanish:4", None, 7], [""]),
        *({}, {"Spanish": 4, "English": None}, {"Spanish": "5.1", "": True}),
    ]
)
"""What a source may say of an attribute: what the mapping hopes for, and what it doesn't."""


readable: st.SearchStrategy[Fact] = st.sampled_from(
    [None, "", " ", "Agent", "Team Lead", "Billing", "Spanish:4, English"]
)
"""What can be read, whatever it is mapped to: then what is desired follows from the newest facts alone."""


# Strategies are made here once: what is made anew for each draw is validated anew, which took longer than drawing.
_words: st.SearchStrategy[Fact] = st.sampled_from([True, False, None])
_names = ("job", "genesysRole", "genesysQueue", "hash", "unread")
said = st.fixed_dictionaries({}, optional={"active": _words} | dict.fromkeys(_names, values))
said_readably = st.fixed_dictionaries({}, optional={"active": _words} | dict.fromkeys(_names, readable))
"""What one event says: `active` as a source may say it, other facts anything, one that nobody reads."""


dates = st.sampled_from([-2, 0, 1, 3, 10**12]).map(lambda at: Effective(Micros(MICROS + at), "a day", "UTC"))
"""From when something holds: before, about and long after these tests' present."""

_rows = st.none() | st.sampled_from(["r/1", "r/2", "s"])
_cancels = st.none() | st.sampled_from(["r", "r/1", "s"])
_timeline = st.tuples(st.none() | dates, _rows, _cancels)
_kinds: st.SearchStrategy[Literal["snapshot", "change"]] = st.sampled_from(["snapshot", "change", "change"])
_kept = st.sampled_from([(), (), ("active",), ("job", "active"), ("genesysRole",)])
_moments = st.integers(-1, 2)
_sequences = st.integers(0, 1)


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    source: str = "hris",
    user: str = "E1",
    subject: str = "",
    most: int = 6,
    dated: bool = False,
    words: st.SearchStrategy[dict[str, Fact]] = said,
) -> list[ChangeEvent]:
    """Events with distinct ids, times and sequences possibly equal, not in any order; `dated`: also with a timeline."""
    count = draw(st.integers(1, most))
    events = [
        ChangeEvent(
            user=user,
            source=source,
            subject=subject or user,
            event=f"e{number}",
            kind=draw(_kinds),
            order=(Micros(MICROS + draw(_moments)), draw(_sequences), f"e{number}"),
            attributes=draw(words),
            origin=Origin(f"events.{source}", 0, 0, Millis(0)),
        )
        for number in range(count)
    ]
    events = [
        replace(each, kept=tuple(name for name in draw(_kept) if name not in each.attributes))
        if each.kind == "snapshot"
        else each
        for each in events
    ]
    if not dated:
        return events
    return [
        replace(each, effective=effective, row=row, cancels=cancelled, kept=() if effective or row else each.kept)
        for each in events
        for effective, row, cancelled in [draw(_timeline)]
    ]


@st.composite
def arrivals(draw: st.DrawFn, events: list[ChangeEvent], repeats: int = 4) -> list[ChangeEvent]:
    """The events in any order, some of them sent again by the producer; each arrival lies at an offset of its own."""
    again = draw(st.lists(st.sampled_from(events), max_size=repeats))
    return [at(event, offset) for offset, event in enumerate(draw(st.permutations([*events, *again])))]


def at(event: ChangeEvent, offset: int, **changes: Any) -> ChangeEvent:
    """The event as it lies at that offset of its source's topic."""
    origin = Origin(event.origin.topic, event.origin.partition, offset, Millis(NOW + offset))
    return replace(event, origin=origin, **changes)
