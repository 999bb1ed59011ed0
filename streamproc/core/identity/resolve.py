"""Identity: which user a source's subject is. A `Link` is the state of one subject, the value of table `links`.

Rule 1: a user is who the source itself says, by its anchor (an employee number), or whom an operator names. Never by
e-mail or login. Of several claims the newest in the source's own order counts; one that is missing takes nothing back.
Rule 2: an operator's order holds until the source claims something else than it did then. The log always tells of it,
also where the source says the same: it is what a claim that is held as ambiguous waits for (`core/fold/claims.py`).
Rule 3: what a subject says before its user is known waits, oldest first. It comes out behind one `link` event with all
that the subject has said, so that nobody is let in for a moment by what was taken back since.
Rule 4: a subject moves from user to user by `unlink` and `link` events, each of which names the other user. The link
keeps all that the subject has said, so a merge and a split after it lose nothing. Where the source moved it, its former
users are told by another `unlink` what is said of their time later on (`account_ownership.py`); an operator's order
ends that.
Rule 5: everything about one subject, orders too, comes through one partition of the worker's own topic. So repeats
change nothing: a record at or before the last one, or from a source's record that was heard, is passed over. Where a
crash forgot the link, the same events as before come again.
Rule 6: what comes from a database's change log is ordered by the log before anything else is decided (`log_order.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import orjson

from streamproc.core.fold.facts import absorb
from streamproc.core.identity.account_ownership import MOST as WORDS
from streamproc.core.identity.account_ownership import (
    disabled_by_user,
    first_words,
    merged,
    pruned,
    with_order,
    word_of,
)
from streamproc.core.identity.log_order import in_log_order
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Move, Origin, SourceFacts
from streamproc.core.records.control import Control
from streamproc.core.records.fact_names import ACCOUNTS, ACTIVE
from streamproc.core.records.link import Link, Ruling, Word
from streamproc.core.records.units import Millis, micros_of
from streamproc.core.text import unseen

MOST: Final = 50
LARGEST: Final = 128 * 1024
"""Events, and their bytes, that wait at most; of older ones only what they said is kept."""
LONGEST: Final = 256
"""Characters of a user ID."""


def resolve(
    link: Link | None, source: str, said: Sequence[SourceEvent], origin: Origin, first: Origin | None = None
) -> tuple[Link, list[ChangeEvent]]:
    """What one raw record says of one subject (at least one `SourceEvent`) → its link, and events for the log.

    `origin`: where it came in line with all else about the subject; `first`: where the source's record lies.
    """
    if link is not None and (origin.is_at_or_before(link.origin) or (first is not None and link.has_heard(first))):
        return link, []
    link = link or Link(0, source, said[0].subject, origin)
    said, logs = in_log_order(link.logs, said)
    facts, claim, claimed = link.facts, link.claim, link.claimed
    events = changes("", source, said, origin)
    for event in events:
        facts, _ = absorb(facts, event, None)
    for each in said:
        user = None if each.anchor is None else normalised(each.anchor)
        if user is not None and (claimed is None or each.order > claimed):
            claim, claimed = user, each.order
    heard = replace(link, seq=link.seq + 1, origin=origin, facts=facts, claim=claim, claimed=claimed, logs=logs)
    if first is not None:
        heard = replace(heard, heard=link.with_heard(first))
    heard, late = _with_words(link, heard, said)
    was_disabled = link.facts is not None and link.facts.values.get(ACTIVE) is False
    foretold = link.ruling if link.facts is None else None
    settled, led_to = _settled(heard, events, None, foretold, was_disabled=was_disabled)
    return settled, late + led_to


def order(link: Link | None, control: Control, placed: Origin, origin: Origin) -> tuple[Link, list[ChangeEvent]]:
    """An operator's `link` or `split` of a subject → its link, and events for the log.

    `placed`: where the order lies among the controls; `origin`: where it came in line with what the source says.
    """
    if link is not None and (
        origin.is_at_or_before(link.origin) or (link.ordered is not None and placed.is_at_or_before(link.ordered))
    ):
        return link, []
    source, _, subject = (control.subject or "").partition("/")
    link = link or Link(0, source, subject, origin)
    user = None if control.action == "split" or control.user is None else normalised(control.user)
    ruling = Ruling(user, link.claim, control.by, control.reason)
    words = _words_after_order(link, user, origin.appended)
    former = tuple(each for each in link.former if user == link.user or each != link.user)
    ruled = replace(link, seq=link.seq + 1, origin=origin, ordered=placed, ruling=ruling, words=words, former=former)
    settled, led_to = _settled(ruled, [], ruling)
    if user == subject and link.facts is None:  # a subject whose name is the user's has no link of its own
        led_to.append(_move("link", user, None, replace(settled, facts=SourceFacts(subject, origin)), ruling))
    return settled, led_to


def changes(user: str, source: str, said: Sequence[SourceEvent], origin: Origin) -> list[ChangeEvent]:
    """As events of a user. Of one record the newest comes first: what it undoes never holds, not even for a moment."""
    return [
        ChangeEvent(
            user,
            source,
            each.subject,
            each.event,
            each.kind,
            each.order,
            each.attributes,
            origin,
            each.reason,
            each.effective,
            each.row,
            each.cancels,
            kept=each.kept,
        )
        for each in sorted(said, key=lambda each: each.order, reverse=True)
    ]


def normalised(anchor: str) -> str | None:
    """The user ID of an anchor; None: it can't be one."""
    user = anchor.strip()
    return user if 0 < len(user) <= LONGEST and unseen(user) is None else None


def _with_words(link: Link, heard: Link, said: Sequence[SourceEvent]) -> tuple[Link, list[ChangeEvent]]:
    """With what was said of when an account was active, and whose; and what its former users are to be told of that.

    `heard` is `link` as it will be, but for its user.
    """
    disabled = any(each.attributes.get(ACTIVE) is False for each in said)
    if not link.words and not disabled and heard.claim == link.claim:
        return heard, []
    if link.source not in ACCOUNTS or heard.facts is None:
        return heard, []
    (user, ruling), now = _user_of(heard), heard.origin.appended
    left = None if link.user == user else link.user
    if not link.words and not disabled and left is None:
        return heard, []
    past = link.words or first_words(link.facts or heard.facts, link.user, link.claimed, now)
    names = [None if each.anchor is None or ruling is not None else normalised(each.anchor) for each in said]
    words = merged(past, map(word_of, said, names))
    before, after = disabled_by_user(past), disabled_by_user(words)
    late = [
        replace(
            _move("unlink", former, user, heard, None),
            attributes={ACTIVE: not after.get(former, False)},
            reason="said late of when it was theirs",
        )
        for former in link.former
        if former not in {user, left} and after.get(former, False) != before.get(former, False)
    ]
    all_former = link.former if left is None or left in link.former else (*link.former, left)
    return replace(heard, words=pruned(words), former=all_former[-WORDS:]), late


def _words_after_order(link: Link, user: str | None, now: Millis) -> tuple[Word, ...]:
    """An account's words when an operator orders whose it is."""
    if user == link.user or link.facts is None or link.source not in ACCOUNTS:
        return link.words
    words = link.words or first_words(link.facts, link.user, link.claimed, now)
    return pruned(with_order(words, user))


def _user_of(link: Link) -> tuple[str | None, Ruling | None]:
    """Whose the subject is, and the operator's order by which it is."""
    ruling = link.ruling
    if ruling is not None and (ruling.claim != link.claim or ruling.user == link.claim):
        ruling = None  # rule 2; and an order that says what the source says needn't hold
    return (link.claim if ruling is None else ruling.user), ruling


def _settled(
    link: Link,
    events: list[ChangeEvent],
    by: Ruling | None,
    foretold: Ruling | None = None,
    *,
    was_disabled: bool = False,
) -> tuple[Link, list[ChangeEvent]]:
    """`link` is as it will be, but for its user and what waits. `was_disabled`: by its facts before `events`.

    `foretold`: an order that was given before anything was heard of the subject, and that the log doesn't hold yet.
    """
    before, (user, ruling) = link.user, _user_of(link)
    led_to: list[ChangeEvent] = []
    if before is not None and before != user and link.facts is not None:
        unlink = _move("unlink", before, user, link, by)
        ended = disabled_by_user(link.words).get(before)
        denials = [event for event in events if event.attributes.get(ACTIVE) is False and not event.ahead]
        if by is None and any(ended is None or event.effective or event.row is not None for event in denials):
            # Disabled and given another number in one go: it was this user's account that was disabled.
            unlink = replace(unlink, attributes={ACTIVE: False})
        elif by is None and ended is not None and (ended or was_disabled):  # that may be said of it as another's
            unlink = replace(unlink, attributes={ACTIVE: not ended})
        led_to.append(unlink)
    if user is None:
        waiting = _bounded((*link.waiting, *events))
        forgotten = link.forgotten + len(link.waiting) + len(events) - len(waiting)
        return replace(link, user=None, ruling=ruling, waiting=waiting, forgotten=forgotten), led_to
    first = link.seq == 1  # then these events are all that was ever said, and there is nothing to bring along
    confirmed = by or (foretold if foretold is not None and foretold.user == user else None)
    if (before != user or confirmed is not None) and link.facts is not None and not first:
        led_to.append(_move("link", user, None if before == user else before, link, confirmed))
    led_to += [replace(event, user=user) for event in (*link.waiting, *events)]
    return replace(link, user=user, ruling=ruling, waiting=(), forgotten=0), led_to


def _move(kind: Literal["link", "unlink"], user: str, other: str | None, link: Link, by: Ruling | None) -> ChangeEvent:
    origin = link.origin
    name = f"{kind}/{origin.topic}/{origin.partition}/{origin.offset}"
    move = Move(other, by.by if by else None, link.facts if kind == "link" else None)
    reason = by.reason if by else "by what the source says"
    order = (micros_of(origin.appended), 0, name)
    return ChangeEvent(user, link.source, link.subject, name, kind, order, {}, origin, reason, move=move)


def _bounded(waiting: Sequence[ChangeEvent]) -> tuple[ChangeEvent, ...]:
    """The newest of them."""
    newest: list[ChangeEvent] = []
    room = LARGEST
    for event in reversed(waiting[-MOST:]):
        room -= len(orjson.dumps(event))
        if room < 0:
            break
        newest.append(event)
    return tuple(reversed(newest))
