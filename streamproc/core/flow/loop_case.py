"""A case: who changes what to and fro, as people read it. No values: those are in the delivery."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamproc.core.records.delivery import Frozen, Round
from streamproc.core.records.units import Millis
from streamproc.core.shown import moment


@dataclass(frozen=True, slots=True)
class Party:
    """One who writes: `name` says who, `times` when (ms since 1970), `by` by what: an event of ours, an audit entry."""

    name: str
    ours: bool
    times: tuple[Millis, ...]
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What goes to and fro of one item, between whom. `writes`: of ours, before it was frozen at `at`."""

    item: str
    at: Millis
    writes: int
    parties: tuple[Party, ...]

    @property
    def told(self) -> str:
        """In one line."""
        if not self.parties:
            return "it goes to and fro, as much else of this user does"
        return f"it goes to and fro, and was written {self.writes} times: {'; '.join(map(_told, self.parties))}"


def case(item: str, frozen: Frozen) -> Case:
    """Of what is frozen. The write that wasn't made belongs to it: whoever asked for it is a party."""
    parties: dict[tuple[str, bool], list[tuple[Millis, str]]] = {}
    for each in frozen.rounds:
        if each.theirs:
            parties.setdefault((_other(each), False), []).append(_change(each))
        if each.cause is not None:
            cause = each.cause
            parties.setdefault((cause.source, True), []).append((each.at, f"event {cause.event} at seq {each.seq}"))
    found = tuple(Party(name, ours, *_both(said)) for (name, ours), said in parties.items())
    return Case(item, frozen.at, sum(each.back for each in frozen.rounds[:-1]), found)


def _other(each: Round) -> str:
    by = each.changed
    if by is None:
        return "somebody in the target"
    names = [*(() if by.client is None else (f"client {by.client}",)), *_person(by.name, by.person)]
    return ", ".join(names) or "somebody in the target"


def _person(name: str | None, number: str | None) -> Iterable[str]:
    if name is None and number is None:
        return []
    return [f"person {name or number}" if name is None or number is None else f"person {name} ({number})"]


def _change(each: Round) -> tuple[Millis, str]:
    by = each.changed
    return (each.at, "seen") if by is None else (by.at, f"audit entry {by.entry}")


def _both(said: list[tuple[Millis, str]]) -> tuple[tuple[Millis, ...], tuple[str, ...]]:
    return tuple(at for at, _ in said), tuple(by for _, by in said)


def _told(party: Party) -> str:
    whose = "for " if party.ours else "by "
    said = ", ".join(f"{by} ({moment(at)})" for at, by in zip(party.times, party.by, strict=True))
    return f"{whose}{party.name}: {said}"
