"""Log order: however rows are read again and clocks go, what holds is what the log has at the highest position."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import Place, SourceEvent
from streamproc.core.records.change_event import Origin
from streamproc.core.records.link import Link
from streamproc.core.records.units import Micros, Millis

HOUR = 3_600_000_000
START = 1_790_000_000_000_000


@dataclass(frozen=True)
class Told:
    """A change that was committed, or a row that was read, at a position; `clock` in hours."""

    at: int
    clock: int
    value: bool
    snapshot: bool = False

    def said(self) -> SourceEvent:
        """As the parser has it."""
        kind = "r" if self.snapshot else "u"
        name = f"hr/employees/5/{self.at}/{kind}"
        order = (Micros(START + self.clock * HOUR), self.at, name)
        at = chr(ord("a") + len(str(self.at))) + str(self.at)
        return SourceEvent(
            "5", name, "change", order, {"active": self.value}, "5", place=Place("hr", at, self.snapshot)
        )


@st.composite
def lives(draw: st.DrawFn, first: int = 1, clock: int = 0) -> tuple[list[Told], list[Told]]:
    """Changes of one row, and snapshots of it in the order in which they were begun. Positions begin at `first`, and
    nothing is read before `clock`.
    """
    changes: list[Told] = []
    at, beginning = first, clock
    for _ in range(draw(st.integers(1, 5))):
        at, clock = at + draw(st.integers(2, 20)), clock + draw(st.integers(0, 5))
        changes.append(Told(at, clock, draw(st.booleans())))
    snapshots: list[Told] = []
    for begun in sorted(draw(st.lists(st.integers(first + 1, at + 3), max_size=3, unique=True))):
        shown = [change for change in changes if change.at <= begun] or [Told(first, beginning, draw(st.booleans()))]
        read_later = draw(st.integers(0, 30))
        snapshots.append(Told(begun, shown[-1].clock + read_later, shown[-1].value, snapshot=True))
    return changes, snapshots


def merged(data: st.DataObject, *lists: list[Told]) -> list[Told]:
    """One list of all, each in its own order."""
    waiting = [list(each) for each in lists if each]
    told: list[Told] = []
    while waiting:
        chosen = data.draw(st.sampled_from(waiting))
        told.append(chosen.pop(0))
        waiting = [each for each in waiting if each]
    return told


def with_repeats(data: st.DataObject, told: list[Told]) -> list[Told]:
    """Some come again after a restart; a row of a snapshot may be read again at a later time."""
    arrived: list[Told] = []
    for each in told:
        arrived.append(each)
        for again in data.draw(st.lists(st.sampled_from(arrived), max_size=2)):
            later = data.draw(st.integers(0, 50)) if again.snapshot else 0
            arrived.append(Told(again.at, again.clock + later, again.value, again.snapshot))
    return arrived


def holding(told: Iterable[Told]) -> list[object]:
    """What holds after each of them."""
    link: Link | None = None
    held: list[object] = []
    for offset, each in enumerate(told):
        link, events = resolve(link, "debezium", [each.said()], Origin("events.debezium", 0, offset, Millis(offset)))
        assert [event.user for event in events] == ["5"]
        assert link.facts is not None
        held.append(link.facts.values["active"])
    return held


def highest(told: Iterable[Told]) -> Told:
    """Of one position a change, and of two rows of a snapshot any: they are the same."""
    return max(told, key=lambda each: (each.at, not each.snapshot))


@given(life=lives(), data=st.data())
def test_the_highest_position_holds_at_every_moment(life: tuple[list[Told], list[Told]], data: st.DataObject) -> None:
    """Snapshots' clocks are up to days ahead of the changes'; all may come again, snapshots with a later clock too."""
    arrived = with_repeats(data, merged(data, *life))
    held = holding(arrived)
    assert held == [highest(arrived[: count + 1]).value for count in range(len(arrived))]


@given(data=st.data(), by_snapshot=st.booleans())
def test_positions_may_begin_anew(data: st.DataObject, by_snapshot: bool) -> None:
    """On a new server they are lower and the clock is later; a change of the old one that comes again is none."""
    changes, snapshots = data.draw(lives(first=1000))
    old = with_repeats(data, [Told(1000, 0, value=True, snapshot=True), *merged(data, changes, snapshots)])
    later = max(each.clock for each in old) + 1
    new_changes, new_snapshots = data.draw(lives(clock=later))
    beginning = Told(1, later, data.draw(st.booleans()), snapshot=True)
    new = with_repeats(data, [beginning] * by_snapshot + new_changes[:1] + merged(data, new_changes[1:], new_snapshots))
    arrived = [*old, *new[:1], *merged(data, new[1:], changes[: data.draw(st.integers(0, 3))])]
    held = holding(arrived)
    for count in range(len(old), len(arrived)):
        assert held[count] == highest(each for each in arrived[len(old) : count + 1] if each.at < 1000).value


@given(life=lives(), data=st.data())
def test_a_row_without_a_position_overtakes_no_change(life: tuple[list[Told], list[Told]], data: st.DataObject) -> None:
    """Whenever it was read; and every change that comes after it counts."""
    changes, _ = life
    rows = [Told(0, data.draw(st.integers(0, 60)), data.draw(st.booleans()), snapshot=True)] * data.draw(
        st.integers(1, 3)
    )
    link: Link | None = None
    told = merged(data, changes, rows)
    for offset, each in enumerate(told):
        said = each.said() if each.at else replace(each.said(), place=Place("hr", "", snapshot=True))
        link, _ = resolve(link, "debezium", [said], Origin("events.debezium", 0, offset, Millis(offset)))
        assert link.facts is not None
        assert link.facts.values["active"] is highest(told[: offset + 1]).value


@given(data=st.data(), clocks=st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_without_positions_a_change_is_newer_than_a_snapshot(data: st.DataObject, clocks: list[int]) -> None:
    """Whatever the snapshot's clock says, before the change and up to a day after it; changes go by their own."""
    times = sorted(set(clocks))
    changes = [Told(number + 1, clock, data.draw(st.booleans())) for number, clock in enumerate(times)]
    rows = [
        Told(0, data.draw(st.integers(0, times[0] + 24)), data.draw(st.booleans()), snapshot=True)
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    told = [*rows[:1], *merged(data, data.draw(st.permutations(changes)), rows[1:])]
    assert unplaced(told) is changes[-1].value
    resnapshot = Told(0, max(each.clock for each in told) + 25, data.draw(st.booleans()), snapshot=True)
    assert unplaced([*told, resnapshot]) is resnapshot.value, "read a day later it shows what was committed"


def unplaced(told: Iterable[Told]) -> object:
    """What holds in the end, of events without positions."""
    link: Link | None = None
    for offset, each in enumerate(told):
        order = (each.said().order[0], 0, f"sha256:{each.at * 7 % 5}")
        bare = replace(each.said(), order=order, place=Place("hr", "", each.snapshot))
        link, _ = resolve(link, "debezium", [bare], Origin("events.debezium", 0, offset, Millis(offset)))
    assert link is not None
    assert link.facts is not None
    return link.facts.values["active"]
