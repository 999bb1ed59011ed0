"""Any ChangeEvents of one source about one user, and the order in which they may arrive."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from streamproc.core.events import ChangeEvent, Fact, Origin

WANTED = ("active", "department", "genesysQueue", "genesysRole", "job")
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


def said() -> st.SearchStrategy[dict[str, Fact]]:
    """What one event says: `active` as a source may say it, other facts anything, one that nobody reads."""
    words: st.SearchStrategy[Fact] = st.sampled_from([True, False, None])
    return st.fixed_dictionaries(
        {}, optional={"active": words, "job": values, "genesysRole": values, "genesysQueue": values, "unread": values}
    )


@st.composite
def histories(draw: st.DrawFn, *, source: str = "hris", user: str = "E1", most: int = 7) -> list[ChangeEvent]:
    """Events with distinct ids, times and sequences possibly equal, not in any order."""
    count = draw(st.integers(1, most))
    return [
        ChangeEvent(
            user=user,
            source=source,
            subject=user,
            event=f"e{number}",
            kind=draw(st.sampled_from(["snapshot", "change", "change", "due"])),
            order=(draw(st.integers(-1, 2)), draw(st.integers(0, 1)), f"e{number}"),
            attributes=draw(said()),
            origin=Origin(f"events.{source}", 0, 0, 0),
        )
        for number in range(count)
    ]


@st.composite
def arrivals(draw: st.DrawFn, events: list[ChangeEvent], repeats: int = 4) -> list[ChangeEvent]:
    """The events in any order, some of them sent again by the producer; each arrival lies at an offset of its own."""
    again = draw(st.lists(st.sampled_from(events), max_size=repeats))
    return [at(event, offset) for offset, event in enumerate(draw(st.permutations([*events, *again])))]


def at(event: ChangeEvent, offset: int, **changes: Any) -> ChangeEvent:
    """The event as it lies at that offset of its source's topic."""
    origin = Origin(event.origin.topic, event.origin.partition, offset, 1_772_500_000_000 + offset)
    return replace(event, origin=origin, **changes)
