"""The answer "as of" as text: one row of the table of all users, or the whole answer about one."""

from collections.abc import Iterator
from typing import Any, Final, assert_never, cast

import orjson

from streamproc.audit.asof.answer import AsOf, Reason, StatedFact, Upcoming
from streamproc.audit.asof.found import found_lines, in_short
from streamproc.audit.asof.policies import ours
from streamproc.audit.asof.target_state import KnownTargetState
from streamproc.audit.asof.why import (
    ByAlways,
    ByCopy,
    ByEarlier,
    ByExpression,
    ByLeaving,
    ByLine,
    ByNothing,
    ByRule,
    ByScope,
    BySuspension,
    Part,
)
from streamproc.audit.words import iso_moment
from streamproc.core.fold.plan import changed, plan
from streamproc.core.records.resource import LEVELS, Resource
from streamproc.core.shown import shown

_RECORDED: Final = {
    "equal": "folded anew it is equal",
    "missing": "folded anew; scim.operations doesn't have the record (compacted, or not written yet)",
    "differs": "AS RECORDED; FOLDED ANEW IT DIFFERS: see streamproc replay --verify",
    "altered": "folded anew; THE RECORD DOESN'T FIT ITS OWN HASH, OR CAN'T BE READ: see streamproc replay --verify",
}

# All users

HEADER: Final = ("user", "desired", "target", "acknowledged", "")


def row(answer: AsOf) -> tuple[str, ...]:
    """One row of the table: a cell for each of `HEADER`."""
    known = answer.acknowledged
    held = _access(known.holds) if known.state == "holds" else known.state
    at = "-" if known.at is None else iso_moment(known.at)
    return tuple(shown(cell) for cell in (answer.user, _access(answer.desired), held, at, _difference(answer)))


def _access(resource: Resource | None) -> str:
    if resource is None:
        return "-"
    active = {True: "active", False: "inactive"}.get(cast("bool", resource.get("active")), "-")
    policy = {"never": "not in scope", "left": "left the scope", "released": "released"}.get(resource.get("scope", ""))
    if "suspended" in resource:
        policy = "suspended" if policy is None else f"suspended, {policy}"
    return active if policy is None else policy if active == "-" else f"{active}, {policy}"


def _difference(answer: AsOf) -> str:
    """How the desired and the acknowledged state differ, in words."""
    known = answer.acknowledged
    words = [f"{write.method} sent {iso_moment(write.sent)}, {_fate(write.answered)}" for write in known.open]
    if known.state in {"holds", "absent"}:
        to_do = plan(known.holds, ours(answer.desired, answer.policies, known.holds))
        named: list[str] = []
        for operation in to_do:
            changes = getattr(operation, "changes", None)
            named.append(operation.op if changes is None else f"{operation.op} {', '.join(changes)}")
        words.append("as desired" if not to_do else f"to do: {'; '.join(named)}")
    found = answer.found
    if found is not None and found.differences and (known.at is None or known.at <= found.at):
        words.append(in_short(found))
    if answer.recorded in {"differs", "altered"}:
        words.append(f"record {answer.recorded}")
    return "; ".join(words)


def _fate(answered: int | None) -> str:
    return "no answer yet" if answered is None else "answer lost: it may have been applied"


# One user


def answered(answer: AsOf) -> Iterator[str]:
    """Lines of the answer about one user, with nothing in them that a terminal would obey."""
    yield from map(shown, _answered(answer))


def _answered(answer: AsOf) -> Iterator[str]:
    yield f"{answer.user} as of {iso_moment(answer.at)}"
    yield ""
    event = f"identity.changes/{answer.partition}@{answer.seq}"
    yield f"Desired, by the event at {event} ({_RECORDED[answer.recorded]})"
    if answer.mapping is not None:
        rules = answer.mapping
        yield f"  mapping {rules.digest}, in force from offset {rules.since_offset} on, by {rules.by}: {rules.reason}"
    else:
        yield "  the log doesn't name the mapping of this record, so there are no reasons to give"
        yield from _values(answer.desired)
    name = ""
    for reason in answer.reasons:
        if reason.attribute != name:
            name = reason.attribute
            if reason.element is not None:
                yield f"  {name}"
        yield from _reason(reason, answer.partition)
    yield from (f"  {each.attribute}: {each.words}" for each in answer.policies)
    yield from (f"  problem: {problem}" for problem in answer.problems)
    yield from (f"  ambiguous: {name} claims to be this user as well, and counts for nothing" for name in answer.held)
    if answer.overdue is not None:
        yield f"  a date had passed at {iso_moment(answer.overdue // 1000)}, and no event had told the log yet"
    if answer.upcoming is not None and answer.overdue is None:
        yield f"  {_due(answer.upcoming)}"
    yield ""
    yield from _acknowledged(answer)
    if answer.found is not None:
        yield ""
        yield from found_lines(answer.found, answer.partition, answer.acknowledged.at)


def _due(upcoming: Upcoming) -> str:
    """The next date, and what it changes."""
    changes = "; ".join(f"{name} = {_value(value)}" for name, value in upcoming.desired.items()) or "nothing changes"
    line = f"due {iso_moment(upcoming.at // 1000)}: {changes}, by {upcoming.source} {upcoming.subject}"
    if upcoming.effective is not None:
        line += f", effective {upcoming.effective.said} ({upcoming.effective.zone})"
    return line


def _reason(reason: Reason, partition: int) -> Iterator[str]:
    since = "(more is given)" if reason.since is None else f"since {iso_moment(reason.since.at)}"
    if reason.since is None and reason.attribute == "scope":
        since = ""  # in scope is who isn't said to be out
    value = "" if reason.value is None and reason.element is not None else _value(reason.value)
    named = f"  {reason.element} {value}" if reason.element is not None else f"{reason.attribute:<16} {value}"
    words = "; ".join(_stated(fact, partition) for fact in reason.stated)
    yield "  " + "  ".join(part for part in (f"{named:<32}", since, _part(reason.part), words) if part)


def _part(part: Part) -> str:
    match part:
        case ByLine(fact):
            return f"attribute ({fact})"
        case ByExpression(expression):
            return f"attribute ({expression})"
        case ByCopy(number, fact, expression):
            return f"copy {number} ({fact if fact is not None else expression})"
        case ByRule(number, when, condition):
            wanted = [
                f"{fact} = {value if isinstance(value, str) else ' | '.join(value)}" for fact, value in when.items()
            ]
            return f"rule {number} ({' and '.join(wanted + ([] if condition is None else [condition]))})"
        case ByAlways():
            return "always"
        case ByScope(said, clause, facts):
            how = {True: "in scope", False: "out of scope", None: "stays, since this can't be told"}[said]
            return f"{how}: {clause}, {', '.join(facts)}"
        case BySuspension(said, clause, facts):
            return f"{'suspended' if said else 'stays suspended'}: {clause}, {', '.join(facts)}"
        case ByNothing():
            return "nothing gives it a value"
        case ByEarlier():
            return "as it was: what was said last can't be read"
        case ByLeaving():
            return "as it was on leaving the scope"
        case _:
            assert_never(part)


def _stated(stated: StatedFact, partition: int) -> str:
    word = stated.word
    what = f"{word.fact} = {_value(word.value)}"
    if word.left and word.value is None:
        what = f"{word.fact}: the subject has left this user"
    line = f"{what}  {word.source} {word.subject}"
    if word.effective is not None:
        line += f", effective {word.effective.said} ({word.effective.zone})"
    if stated.saying is None:
        return line
    saying, raw = stated.saying, stated.saying.origin
    line += f", {saying.kind} {saying.event}, identity.changes/{partition}@{saying.offset}"
    return f"{line}, from {raw.topic}/{raw.partition}@{raw.offset} appended {iso_moment(raw.appended)}"


def _acknowledged(answer: AsOf) -> Iterator[str]:
    known = answer.acknowledged
    yield _state(known)
    if known.holds is not None:
        yield from _values(known.holds)
        different = _differing(known.holds, answer.desired)
        if not different and not plan(known.holds, answer.desired):
            yield "  that is what was desired"
        theirs = {each.attribute.partition(" ")[0]: f" ({each.words})" for each in answer.policies}
        for name, (held, wanted) in different.items():
            yield f"  {name}: {_value(wanted)} was desired, not {_value(held)}{theirs.get(name, '')}"
    for write in known.open:
        sent = iso_moment(write.sent)
        yield f"  open: {write.method} {write.path}, sent {sent}, {_fate(write.answered)} (request {write.id})"


def _state(known: KnownTargetState) -> str:
    at = "" if known.at is None else f"at {iso_moment(known.at)} (request {known.request})"
    match known.state:
        case "holds":
            return f"The target holds, as acknowledged {at}"
        case "absent":
            return f"The target has no such user, as it said {at}"
        case "unsaid":
            return f"The target acknowledged a write {at}; the log doesn't say what it holds since"
        case "never":
            return "The target had told nothing of this user yet"
        case _:
            assert_never(known.state)


def _differing(held: Resource, desired: Resource) -> dict[str, tuple[Any, Any]]:
    before, after = cast("dict[str, Any]", held), cast("dict[str, Any]", desired)
    names = list(changed(held, desired))
    if set(before.get("groups") or ()) != set(after.get("groups") or ()) and "groups" in after:
        names.append("groups")
    return {name: (before.get(name), after[name]) for name in names}


def _values(resource: Resource) -> Iterator[str]:
    for name, value in cast("dict[str, Any]", resource).items():
        if name in LEVELS and value:
            value = ", ".join(f"{element} {level}" for element, level in value.items())  # noqa: PLW2901
            yield f"  {name:<16} {value}"
        else:
            yield f"  {name:<16} {', '.join(value) if isinstance(value, list) and value else _value(value)}"


def _value(value: Any) -> str:
    return orjson.dumps(value).decode()
