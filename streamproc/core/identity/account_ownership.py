"""Tenure: whose account it was when it was disabled, where that is heard after it has become another user's.

An account that leaves a user leaves behind that it had been disabled (`facts.py`). Its source's word of that may come
after the change of its number, or be fetched after it, by when it may be enabled again, for its next user. So from the
first word that matters on, its link keeps them in the source's order, and each user is told what comes to hold of them.

Rule 1: a word is about the user whose number the account carried then. What disables it and changes its number in one
go is about the user before; what was said before any number is about the first.
Rule 2: of one user's words the last counts, in the source's order. What never was active wasn't disabled.
Rule 3: who comes back to an account that is still disabled goes on being denied by it.
Rule 4: an operator who orders whose it is takes along what it says of the user before, now and later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from streamproc.core.fold.effective_dating import as_of, spoken, was_active
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Order, SourceFacts
from streamproc.core.records.fact_names import ACTIVE
from streamproc.core.records.link import FIRST, Access, Word

MOST: Final = 40
"""Words of one account. Of more only the newest are kept; what is later than that comes too late."""


def word(said: SourceEvent, user: str | None) -> Word:
    """`user`: the one whom it names. What has a date is in no order with the rest, and isn't taken for a word."""
    if said.row is not None or said.effective is not None or (said.kind == "change" and ACTIVE not in said.attributes):
        return Word(said.order, None, user)
    return Word(said.order, _access(said.attributes.get(ACTIVE)), user)


def founded(facts: SourceFacts, user: str | None, named: Order | None, now: int) -> list[Word]:
    """What was known of a user's account before the first word that matters. `named`: the last word of whose it is."""
    words = [Word(FIRST, "on" if was_active(facts, now, accounts=True) else None, user)]
    if named is not None:
        words.append(Word(named, None, user))
    if (at := spoken(facts, ACTIVE, now)) is not None:
        words.append(Word(at, _access(as_of(facts, now)[0].get(ACTIVE))))
    return heard(words, ())


def ordered(words: Sequence[Word], user: str | None) -> list[Word]:
    """With an operator's order of whose it is: what it says of them is yet to come."""
    time, number, event = words[-1].order if words else FIRST
    return heard(words, [Word((time, number, f"{event}/ordered"), None, user, ordered=True)])


def heard(known: Iterable[Word], said: Iterable[Word]) -> list[Word]:
    """With what was said, in order."""
    merged: dict[Order, Word] = {}
    for each in (*known, *said):
        before = merged.get(each.order, each)
        ordered = each.ordered or before.ordered
        merged[each.order] = Word(each.order, each.access or before.access, each.user or before.user, ordered)
    found: list[Word] = []
    for _, each in sorted(merged.items()):
        if each == Word(each.order):
            continue
        if len(found) > 1 and all(replace(one, order=each.order) == each for one in found[-2:]):
            found.pop()  # the first and the last that say the same show where a late one belongs that names nobody
        found.append(each)
    return found


def kept(words: Sequence[Word]) -> tuple[Word, ...]:
    """The newest of them, behind what the others come to."""
    if len(words) <= MOST:
        return tuple(words)
    others, newest = words[: -MOST // 2], words[-MOST // 2 :]
    once: Access | None = "on" if any(each.access == "on" for each in others) else None
    user = next((each.user for each in reversed(others) if each.user is not None or each.ordered), None)
    access = next((each.access for each in reversed(others) if each.access is not None), None)
    return (Word(FIRST, once, user), Word(others[-1].order, access), *newest)


def denied(words: Iterable[Word]) -> dict[str, bool]:
    """Each user whose the account was, and whether it was disabled as theirs. `words` in order."""
    found: dict[str, bool] = {}
    user: str | None = None
    off = once = False
    for each in words:
        once = once or each.access == "on"
        off = off if each.access is None else each.access == "off"
        if each.ordered and user is not None:
            found[user] = False
        if each.ordered and each.user is None:
            user = None
        if each.user is None or each.user == user:
            if user is not None and each.access is not None:
                found[user] = once and off
            continue
        if user is None:
            found[each.user] = once and off
        else:
            if each.access == "off":
                found[user] = once
            found[each.user] = found.get(each.user, False) and off
        user = each.user
    return found


def _access(active: object) -> Access:
    return "on" if active is True else "off" if active is False else "unsaid"
