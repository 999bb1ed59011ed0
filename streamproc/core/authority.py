"""Authority: the facts of all sources as one. Facts of different sources are never compared by time.

Rule 1: each fact comes from the first source in its list that has a value for it; without a list, by the sources'
names. A source that isn't in a fact's list has no say in it.
Rule 2: `active` is true only while every source with a say in it, that speaks of it at all, says so.
Rule 3: within one source a person is active if any of their subjects is: a contract that ends when an employment
begins doesn't disable anybody. The rest comes from the active subject that spoke last, and none of it from another.
Rule 4: when a subject has left a user, what it said is known to have no value; if nobody else vouches for the user,
they are inactive.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from streamproc.core.events import Fact, SourceFacts
from streamproc.core.timeline import standing

EVERYBODY: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
"""No lists: every source has a say in all that it speaks of."""


def key(source: str, subject: str) -> str:
    """Of a subject, among the facts of a user and in table `links`. No source's name holds a slash."""
    return f"{source}/{subject}"


def view(
    facts: Mapping[str, SourceFacts],
    now: int = 0,
    authority: Mapping[str, Sequence[str]] = EVERYBODY,
    active: str = "active",
) -> dict[str, Fact]:
    """What holds at a moment (ms since 1970). `active` is the name of the fact that gives access."""
    if len(facts) == 1 and not authority:
        (only,) = facts.values()
        if not only.rows and not only.left:
            return only.values
    said: dict[str, dict[str, Fact]] = {}
    for source in sorted({name.partition("/")[0] for name in facts}):
        subjects = [each for name, each in facts.items() if name.partition("/")[0] == source and not each.left]
        said[source] = _together(subjects, now, active) if subjects else {}
    merged: dict[str, Fact] = {name: None for each in facts.values() if each.left for name in each.values}
    for name in sorted({name for values in said.values() for name in values}):
        told = [said[source][name] for source in authority.get(name, said) if name in said.get(source, ())]
        if told:
            denied = name == active and any(value is False for value in told)
            merged[name] = False if denied else next((value for value in told if value is not None), None)
    if active in merged and merged[active] is None and _vouched(facts.values(), active):
        merged[active] = False
    return merged


def _together(subjects: Sequence[SourceFacts], now: int, active: str) -> dict[str, Fact]:
    """The subjects of one person in one source as one (rule 3)."""
    told = [
        (values.get(active) is True, last, each.subject, values)
        for each in subjects
        for values, last in [standing(each, now)]
    ]
    values = max(told, key=lambda one: one[:3])[3]
    if values.get(active) is not True and any(one[3].get(active) is False for one in told):
        return values | {active: False}
    return values


def _vouched(facts: Iterable[SourceFacts], active: str) -> bool:
    """Whether somebody who has left once said whether this user is active (rule 4)."""
    return any(each.left and active in each.values for each in facts)
