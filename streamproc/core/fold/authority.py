"""Authority: the facts of all sources as one. Facts of different sources are never compared by time.

Rule 1: each fact comes from the first source in its list that has a value for it; without a list, by the sources'
names, but the login from who lets people log in: identity providers before HR (`LOGINS`). A source that isn't in a
fact's list has no say in it.
Rule 2: `active` is true only while every source with a say in it, that speaks of it at all, says so.
Rule 3: of two subjects of a person in one source, two jobs or two accounts, who lost one is active only by another that
outlasts it. A job does that began later (a contract that ends when an employment has begun disables nobody), or that
was said to be active after the other last was. An account does only where the other was deleted, and it was made after
that was last known to be active (when it was deleted may be found out late): an administrator's second account is no
second employment. What never was active hasn't ended. The rest comes from the active subject that spoke last, and none
of it from another; of accounts, from one that no operator had to link; while one that has ended isn't outlasted, from
that. Who is held as ambiguous isn't asked
(`claims.py`).
Rule 4: when a subject has left a user, what it said is known to have no value; if nobody else vouches for the user,
they are inactive.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from streamproc.core.fold.effective_dating import as_of, began, was_active
from streamproc.core.records.change_event import GONE, Fact, SourceFacts
from streamproc.core.records.fact_names import ACCOUNTS, LOGINS
from streamproc.core.records.units import Micros, Millis

EPOCH: Final = Millis(0)
"""No date has come then."""

READING: Final = 900_000_000
"""µs; what was said closer together may come from one reading of a report, which says no order."""

AMBIGUOUS: Final = frozenset({"held", "behind"})
"""How those stand who count for nothing (`claims.py`)."""

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
    logins: Collection[str] = ("userName",),
) -> dict[str, Fact]:
    """What holds at a moment (ms since 1970). `active` and `logins` name the facts of access and of the userName."""
    if len(facts) == 1 and not authority:
        (only,) = facts.values()
        if not only.rows and not only.left:
            return only.values
    subjects: dict[str, dict[str, SourceFacts]] = {}
    merged: dict[str, Fact] = {}
    for name, each in facts.items():
        if each.standing in AMBIGUOUS:
            continue
        if each.left:
            merged |= dict.fromkeys(each.values)
        if not each.left or each.values.get(active) is False:
            subjects.setdefault(name.partition("/")[0], {})[name] = each
    by_source = {
        source: _together(of_source, now, active, accounts=source in ACCOUNTS)
        for source, of_source in sorted(subjects.items(), reverse=True)
    }
    for values in by_source.values():  # the first source by name comes last, and so wins
        for name, value in values.items():
            if name not in authority and (value is not None or name not in merged):
                merged[name] = value
    for login in logins if len(by_source) > 1 else ():
        said = (by_source[source].get(login) for source in LOGINS if source in by_source)
        if login not in authority and (value := next((each for each in said if each is not None), None)) is not None:
            merged[login] = value
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


def not_outlasted(
    subjects: Mapping[str, SourceFacts], ended: Collection[str], going: Collection[str], now: Millis, *, accounts: bool
) -> set[str]:
    """Of the names of subjects of one source that have ended, those that none of the others makes up for (rule 3)."""
    outlasts = _remade if accounts else _goes_on
    return {name for name in ended if not any(outlasts(subjects[other], subjects[name], now) for other in going)}


def _together(subjects: Mapping[str, SourceFacts], now: Millis, active: str, *, accounts: bool) -> dict[str, Fact]:
    """The subjects of one person in one source as one (rule 3)."""
    if len(subjects) == 1:
        (only,) = subjects.values()
        return as_of(only, now)[0] if only.rows else only.values
    seen = {name: as_of(each, now) for name, each in subjects.items()}
    going = {name for name, (values, _) in seen.items() if values.get(active) is True}
    out = {name for name, (values, _) in seen.items() if values.get(active) is False}
    ended = {name for name in out if was_active(subjects[name], now, accounts=accounts)}
    denying = not_outlasted(subjects, ended, going, now, accounts=accounts)
    first = {name for name in denying if not subjects[name].left}  # whoever comes after them has to outlast them
    values = seen[
        max(
            first or seen,
            key=lambda name: (
                name in going,
                name not in out - ended,
                accounts and subjects[name].standing == "",  # an administrator's account that an operator has linked
                seen[name][1],
                subjects[name].subject,
            ),
        )
    ][0]
    return values | {active: False} if denying else values


def _remade(going: SourceFacts, ended: SourceFacts, now: Millis) -> bool:
    """Whether an account was made in the place of one that has been deleted (rule 3)."""
    return as_of(ended, now)[0].get(GONE) is True and made_after(going, ended, now)


def made_after(one: SourceFacts, other: SourceFacts, now: Millis) -> bool:
    """Whether an account was made after another was last known to be active."""
    made, last = began(one, now), other.since if other.vouched is None else other.vouched
    return (one.since or 0 if made is None else made) > (last or 0)


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
    """Whether somebody who has left, and counted, once said whether this user is active (rule 4)."""
    return any(each.left and active in each.values and each.standing not in AMBIGUOUS for each in facts)
