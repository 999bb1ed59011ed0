"""Authority: the facts of all sources as one. Facts of different sources are never compared by time.

Rule 1: each fact comes from the first source in its list that has a value for it; without a list, by the sources'
names. A source that isn't in a fact's list has no say in it.
Rule 2: `active` is true only while every source with a say in it, that speaks of it at all, says so.
Rule 3: two subjects of a person in one source are two jobs, or two accounts. Who lost one of them is active only by
another that outlasts it. A job does that began later (a contract that ends when an employment has begun disables
nobody), or that was said to be active after the other last was. An account does only where the other was deleted, and
it was made after that was last known to be active (when it was deleted may be found out late): an administrator's
second account is no second employment. What never was active hasn't ended. The rest comes from the active subject that
spoke last, and none of it from another.
Rule 4: when a subject has left a user, what it said is known to have no value; if nobody else vouches for the user,
they are inactive.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from streamproc.core.fold.effective_dating import as_of, began, was_active
from streamproc.core.records.change_event import GONE, Fact, SourceFacts
from streamproc.core.records.fact_names import ACCOUNTS
from streamproc.core.records.units import Micros, Millis

EPOCH: Final = Millis(0)
"""No date has come then."""

READING: Final = 900_000_000
"""µs; what was said closer together may come from one reading of a report, which says no order."""

EVERYBODY: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
"""No lists: every source has a say in all that it speaks of."""


def key(source: str, subject: str) -> str:
    """Of a subject, among the facts of a user and in table `links`. No source's name holds a slash."""
    return f"{source}/{subject}"


def view(
    facts: Mapping[str, SourceFacts],
    now: Millis = EPOCH,
    authority: Mapping[str, Sequence[str]] = EVERYBODY,
    active: str = "active",
) -> dict[str, Fact]:
    """What holds at a moment (ms since 1970). `active` is the name of the fact that gives access."""
    if len(facts) == 1 and not authority:
        (only,) = facts.values()
        if not only.rows and not only.left:
            return only.values
    subjects: dict[str, list[SourceFacts]] = {}
    merged: dict[str, Fact] = {}
    for name, each in facts.items():
        if each.left:
            merged |= dict.fromkeys(each.values)
        if not each.left or each.values.get(active) is False:
            subjects.setdefault(name.partition("/")[0], []).append(each)
    by_source = {
        source: _together(of_source, now, active, accounts=source in ACCOUNTS)
        for source, of_source in sorted(subjects.items(), reverse=True)
    }
    for values in by_source.values():  # the first source by name comes last, and so wins
        for name, value in values.items():
            if name not in authority and (value is not None or name not in merged):
                merged[name] = value
    for name, voices in authority.items():
        values_by_rank = [by_source[source][name] for source in voices if name in by_source.get(source, ())]
        if values_by_rank:
            merged[name] = next((value for value in values_by_rank if value is not None), None)
    speaking = [source for source in authority.get(active, by_source) if source in by_source]
    denied = any(by_source[source].get(active) is False for source in speaking)
    unsaid = active in merged and merged[active] is None
    if denied or (unsaid and _vouched(facts.values(), active)):
        merged[active] = False
    return merged


def shared(facts: Mapping[str, SourceFacts], now: Millis, active: str = "active") -> list[str]:
    """The problem of each source by which more than one subject that is active is this user (ms since 1970).

    They may be two jobs or two accounts of one person, or two people with one number; who it is that leaves then takes
    access from the other. So it is told while both still work.
    """
    working = Counter(
        name.partition("/")[0]
        for name, each in facts.items()
        if not each.left and as_of(each, now)[0].get(active) is True
    )
    return [
        f"{source}: more than one active subject is this user; are they one person?"
        for source, count in sorted(working.items())
        if count > 1
    ]


def _together(subjects: Sequence[SourceFacts], now: Millis, active: str, *, accounts: bool) -> dict[str, Fact]:
    """The subjects of one person in one source as one (rule 3)."""
    if len(subjects) == 1:
        return as_of(subjects[0], now)[0] if subjects[0].rows else subjects[0].values
    views = [
        (values.get(active) is True, last, each.subject, values, each)
        for each in subjects
        for values, last in [as_of(each, now)]
    ]
    values = max(views, key=lambda one: one[:3])[3]
    ended = [one[4] for one in views if one[3].get(active) is False and was_active(one[4], now, accounts=accounts)]
    going = [one[4] for one in views if one[0]]
    outlasts = _remade if accounts else _goes_on
    if all(any(outlasts(one, other, now) for one in going) for other in ended):
        return values
    return values | {active: False}


def _remade(going: SourceFacts, ended: SourceFacts, now: Millis) -> bool:
    """Whether an account was made in the place of one that has been deleted (rule 3)."""
    if as_of(ended, now)[0].get(GONE) is not True:
        return False
    made, last = began(going, now), ended.since if ended.vouched is None else ended.vouched
    return (going.since or 0 if made is None else made) > (last or 0)


def _goes_on(going: SourceFacts, ended: SourceFacts, now: Millis) -> bool:
    """Whether a job makes up for one that has ended (rule 3): it began later, or was said to be active since."""
    one, other = began(going, now), began(ended, now)
    if ended.vouched is None and (other is None or ended.since is None or ended.since > other):
        return True  # it was over before we heard of it
    if one is None or other is None:
        one = other = Micros(0)
    if (one, going.since or 0) > (other, ended.since or 0):
        return True
    return None not in {going.vouched, ended.vouched} and (going.vouched or 0) > (ended.vouched or 0) + READING


def _vouched(facts: Iterable[SourceFacts], active: str) -> bool:
    """Whether somebody who has left once said whether this user is active (rule 4)."""
    return any(each.left and active in each.values for each in facts)
