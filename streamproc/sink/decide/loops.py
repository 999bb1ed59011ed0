"""Loops: whether what is to be written goes to and fro, so that writing it once more settles nothing.

Whoever the parties are: somebody in the target's own pages, another client, two sources that disagree, a mapping.
A write counts where it overwrites what others had written since, or goes back to what had been there within the window.
After so many of them the next one isn't made: the item is frozen until an operator lets it go, and is planned as if
it were desired as it is held.

Rule 1: taking access away, `active` false, never counts and is never frozen. Nor is taking a role or a membership that
nobody but we had given: then the next giving is.
Rule 2: only the item is frozen; all else of the user flows on, also other roles, skills and memberships.
Rule 3: what is kept is bounded, however much goes to and fro. Who is in very many fights is in one: then the next write
of each that would count isn't made.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from msgspec.structs import replace

from streamproc.core.flow.loop_case import case
from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.fold.plan import apply
from streamproc.core.records.control import Control
from streamproc.core.records.delivery import DeliveredState, Frozen, Round
from streamproc.core.records.finding import Changed
from streamproc.core.records.operation import Create
from streamproc.core.records.resource import GROUP, IF_OWNED, LEVELS, LISTS, Resource, parts, same
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.response_body import same_id
from streamproc.sink.decide.deliverable import deliverable
from streamproc.sink.decide.isolate_refused import pick
from streamproc.sink.decide.items import Loops, attribute_of, differing, is_owned, items, of_items, with_items_of
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import Moment, Send, SendUser
from streamproc.sink.decide.target import Target

MOST: Final = 60
"""Writes of one user that count: after so many, whatever they were of, no more are made that would count. And items
that fewer writes changed: from so many on, none of them is written back a second time."""
ROOM: Final = 150
"""Writes of one user that are kept, ordinary ones included."""
DETAILED: Final = 30
"""Frozen items of one user of which the writes are kept."""
GIVEN: Final = ("role ", GROUP)
"""Items that let somebody do something: where our own sources fight over one, it ends as not given."""
WORDS: Final = 120
"""Characters of a text that are kept; of a longer value its hash."""


def noted(progress: Progress, step: Send, target: Target, at: Moment) -> Progress:
    """Something went out over what is held, and may have been carried out. Of one event each item counts once."""
    loops, limits = progress.loops, target.loops
    if not limits.rounds:
        return progress
    if isinstance(step, SendUser):
        written = step.resource
    else:
        written = pick(apply(progress.held, step.operation, progress.record.desired), {"groups"})
    changes = differing(progress.held or Resource(), written)
    rounds = dict(loops.rounds)
    for name, each in _next(progress, changes, target, at).items():
        before = rounds.get(name, [])
        if not before or not _is_once_more(before[-1], each):
            rounds[name] = [*before, each][-2 * limits.rounds :]
    return replace(progress, loops=replace(loops, rounds=_bounded(rounds), noted=loops.noted | changes.keys()))


def left_by(progress: Progress, step: Send) -> Loops:
    """The target has accepted it. What of a list went out only because it is frozen isn't ours for that."""
    if isinstance(step, SendUser) and isinstance(step.operation, Create):
        return replace(progress.loops, left=step.resource)
    before, desired = progress.loops.left, progress.record.desired
    if before is None:
        return progress.loops
    left = apply(before, step.operation, desired)
    frozen = [name for name in differing(left, desired) if attribute_of(name) in {*LISTS, *LEVELS}]
    return replace(progress.loops, left=with_items_of(left, before, frozen))


def without_effect(progress: Progress, item: str) -> Progress:
    """What was written last of the item came to nothing, and that is all there is to it."""
    rounds = {name: each for name, each in progress.loops.rounds.items() if name != item}
    if before := progress.loops.rounds.get(item, [])[:-1]:
        rounds[item] = before
    return replace(progress, loops=replace(progress.loops, rounds=rounds))


def recent(progress: Progress, limits: LoopLimits, at: Moment) -> Progress:
    """Without what was written before the window."""
    if not progress.loops.rounds:
        return progress
    since = at.clock - limits.window * 1000
    kept = {name: [each for each in every if each.at > since] for name, every in progress.loops.rounds.items()}
    rounds = {name: every for name, every in kept.items() if every}
    return replace(progress, loops=replace(progress.loops, rounds=rounds))


def with_frozen(progress: Progress, desired: Resource, target: Target, at: Moment) -> Progress:
    """Frozen is what went to and fro often enough, and would now be written once more."""
    loops, limits = progress.loops, target.loops
    if not limits.rounds:
        return progress
    counts = {name: sum(each.back for each in rounds) for name, rounds in loops.rounds.items()}
    writes = {
        each.at for name, rounds in loops.rounds.items() for each in rounds if each.back and name not in loops.noted
    }
    most = 0 if len(writes) >= MOST else 1 if sum(counts.values()) >= MOST else limits.rounds
    if not counts or max(counts.values()) < most:
        return progress
    frozen, rounds = dict(loops.frozen), dict(loops.rounds)
    changes = differing(progress.held or Resource(), deliverable(progress, desired))
    for name, each in _next(progress, changes, target, at).items():
        if each.back and counts.get(name, 0) >= most and not _takes_what_we_gave(name, each):
            before = rounds.pop(name, [])
            frozen[name] = Frozen(at.clock, [*before, each] if len(frozen) < DETAILED else [])
    return replace(progress, loops=replace(loops, frozen=frozen, rounds=rounds))


def with_told(progress: Progress, clock: Millis) -> Progress:
    """What is frozen, of what is ours, is told like all that is set aside. `clock`: ms since 1970."""
    desired = progress.record.desired
    aside = {
        name: replace(progress.as_parked("frozen", case(name, each).told, clock), at=each.at)
        for name, each in progress.loops.frozen.items()
        if is_owned(name, desired)
    }
    return replace(progress, aside={**progress.aside, **aside}) if aside else progress


def _next(progress: Progress, changes: Mapping[str, tuple[Any, Any]], target: Target, at: Moment) -> dict[str, Round]:
    """By item, what is to be kept of a write of these changes: each what is held, and what is wanted."""
    loops, record, rounds = progress.loops, progress.record, dict[str, Round]()
    since = at.clock - target.loops.window * 1000
    left = None if loops.left is None else items(of_items(loops.left, changes))
    for name, (held, value) in changes.items():
        if name in loops.noted or (name == "active" and value is not True):
            continue
        if progress.held is None and name != "active":
            continue  # the account is new
        theirs = _is_theirs(name, held, left, target)
        wrote, found = _kept(value), _kept(held)
        before = [each for each in loops.rounds.get(name, ()) if each.at > since]
        back = theirs is True or any(same(wrote, once) for each in before for once in (each.wrote, each.found))
        if back or (theirs is not None and not same(held, None)):
            by = _who(progress, name) if theirs else None
            rounds[name] = Round(
                at.clock, record.seq, _short(record.cause) if back else None, wrote, found, theirs is True, by
            )
    return rounds


def _is_theirs(item: str, held: Any, left: Mapping[str, Any] | None, target: Target) -> bool | None:
    """Whether what is held isn't what we had left. None: it isn't known what that was."""
    if left is None or (item.partition(" ")[0] in IF_OWNED and item not in left):
        return None
    if same(held, before := left.get(item)):
        return False
    there = target.manager_id(str(before)) if item == "manager" else None  # a read may show the target's id
    return there is None or not same_id(held, there)


def _who(progress: Progress, item: str) -> Changed | None:
    """Who made of it what is held, where a finding said so of the same value."""
    attribute, held = attribute_of(item), of_items(progress.held or Resource(), [item])
    shown = item in items(held) if attribute.startswith(GROUP) else parts(held).get(attribute)
    by = progress.turn.work.changed_by(attribute, shown)
    return by and _brief(by)


def _takes_what_we_gave(item: str, each: Round) -> bool:
    """Whether a role or a membership is taken that nobody but we had given: it is the giving that is frozen then."""
    return not each.wrote and not each.theirs and item.startswith(GIVEN)


def _is_once_more(last: Round, now: Round) -> bool:
    """Whether it is the write that was made last for this record, which came to nothing: a retry is no fight."""
    once = last.seq == now.seq and same(last.wrote, now.wrote) and same(last.found, now.found)
    return once and not now.theirs


def _bounded(rounds: dict[str, list[Round]]) -> dict[str, list[Round]]:
    """The newest, and of those that count before those that don't."""
    entries = [(each.back, each.at, name) for name, every in rounds.items() for each in every]
    if len(entries) <= ROOM:
        return rounds
    least = sorted(entries)[-ROOM]
    kept = {name: [each for each in every if (each.back, each.at, name) >= least] for name, every in rounds.items()}
    return {name: every for name, every in kept.items() if every}


def _kept(value: Any) -> Any:
    """Of a long value its hash: equal values stay equal."""
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= WORDS):
        return value
    return f"sha256:{hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()}"


def _short(cause: Cause) -> Cause:
    return replace(cause, event=_cut(cause.event), reason=None if cause.reason is None else _cut(cause.reason))


def _brief(by: Changed) -> Changed:
    texts = {name: None if (said := getattr(by, name)) is None else _cut(said) for name in ("client", "person", "name")}
    return replace(by, entry=_cut(by.entry), **texts)


def _cut(text: str) -> str:
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"


def let_go(delivery: DeliveredState, order: Control, offset: int) -> DeliveredState | None:
    """Without what the order lets go, which lies at `offset` of `streamproc.controls`. None: it was obeyed before.

    What was set aside with it is `stalled` from then on, so that it goes on by itself, and begins with a read.
    """
    if offset <= delivery.let_go:
        return None
    frozen = {name: each for name, each in delivery.frozen.items() if order.attribute not in {None, name}}
    gone, parked = delivery.frozen.keys() - frozen.keys(), delivery.parked
    if parked is not None and not gone.isdisjoint(parked.attributes):
        attributes = {name: told for name, told in parked.attributes.items() if name not in gone}
        reason = f"let go by {order.by}: {order.reason}"
        parked = replace(parked, code="stalled", reason=reason, attributes=attributes)
    return replace(delivery, frozen=frozen, parked=parked, let_go=offset)
