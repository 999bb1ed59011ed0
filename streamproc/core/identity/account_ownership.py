"""Account ownership: whose account it was when it was disabled, where that is heard after it became another user's.

An account that leaves a user leaves behind that it had been disabled (`core/fold/facts.py`). What its source says of
that may come after the change of its employee number, or be fetched after it, when the account may be enabled again for
its next user. So from the first word that matters on, its link keeps the source's words in the source's order, and each
user is told what comes to hold of them.

Rule 1: a word is about the user whose number the account carried then. What disables it and changes its number at once
is about the user before; what was said before any number is about the first.
Rule 2: of the words about one user the last counts, in the source's order. What never was active wasn't disabled.
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
from streamproc.core.records.units import Millis

MOST: Final = 40
"""Words of one account. Of more only the newest are kept; what is later than that comes too late."""


def word_of(event: SourceEvent, user: str | None) -> Word:
    """What an event says of the account. `user`: the one whom it names.

    What has a date is in no order with the rest, so its access isn't taken for a word.
    """
    dated = event.row is not None or event.effective is not None
    if dated or (event.kind == "change" and ACTIVE not in event.attributes):
        return Word(event.order, None, user)
    return Word(event.order, _access(event.attributes.get(ACTIVE)), user)


def first_words(facts: SourceFacts, user: str | None, named: Order | None, now: Millis) -> list[Word]:
    """What was known of a user's account before the first word that matters.

    `named`: when its source last said whose it is. `now`: ms since 1970.
    """
    words = [Word(FIRST, "on" if was_active(facts, now, accounts=True) else None, user)]
    if named is not None:
        words.append(Word(named, None, user))
    if (at := spoken(facts, ACTIVE, now)) is not None:
        words.append(Word(at, _access(as_of(facts, now)[0].get(ACTIVE))))
    return merged(words, ())


def with_order(words: Sequence[Word], user: str | None) -> list[Word]:
    """The words with an operator's order of whose the account is: what it says of that user is yet to come."""
    time, number, event = words[-1].order if words else FIRST
    return merged(words, [Word((time, number, f"{event}/ordered"), None, user, ordered=True)])


def merged(known: Iterable[Word], new: Iterable[Word]) -> list[Word]:
    """Both, in the source's order; without words that say nothing, and those between two that say the same."""
    by_order: dict[Order, Word] = {}
    for word in (*known, *new):
        same = by_order.get(word.order, word)
        ordered = word.ordered or same.ordered
        by_order[word.order] = Word(word.order, word.access or same.access, word.user or same.user, ordered)
    words: list[Word] = []
    for _, word in sorted(by_order.items()):
        if word == Word(word.order):
            continue
        if len(words) > 1 and all(replace(last, order=word.order) == word for last in words[-2:]):
            words.pop()  # the first and the last that say the same show where a late one belongs that names nobody
        words.append(word)
    return words


def pruned(words: Sequence[Word]) -> tuple[Word, ...]:
    """The newest of them, behind what the others come to."""
    if len(words) <= MOST:
        return tuple(words)
    others, newest = words[: -MOST // 2], words[-MOST // 2 :]
    once: Access | None = "on" if any(word.access == "on" for word in others) else None
    user = next((word.user for word in reversed(others) if word.user is not None or word.ordered), None)
    access = next((word.access for word in reversed(others) if word.access is not None), None)
    return (Word(FIRST, once, user), Word(others[-1].order, access), *newest)


def disabled_by_user(words: Iterable[Word]) -> dict[str, bool]:
    """Each user whose the account was, and whether it was disabled as theirs. `words` in the source's order."""
    disabled: dict[str, bool] = {}
    user: str | None = None
    off = once_on = False
    for word in words:
        once_on = once_on or word.access == "on"
        off = off if word.access is None else word.access == "off"
        if word.ordered and user is not None:
            disabled[user] = False
        if word.ordered and word.user is None:
            user = None
        if word.user is None or word.user == user:
            if user is not None and word.access is not None:
                disabled[user] = once_on and off
            continue
        if user is None:
            disabled[word.user] = once_on and off
        else:
            if word.access == "off":
                disabled[user] = once_on
            disabled[word.user] = disabled.get(word.user, False) and off
        user = word.user
    return disabled


def _access(active: object) -> Access:
    return "on" if active is True else "off" if active is False else "unsaid"
