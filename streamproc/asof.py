"""As of, for the command line: what access somebody had at a moment, why, and what the target had acknowledged."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar, assert_never, cast

import click
import orjson

from streamproc.adapters.parquet import Archived
from streamproc.config import Settings
from streamproc.core.acknowledged import Acknowledged
from streamproc.core.asof import AsOf, Reason, Said, Upcoming
from streamproc.core.explain import ByAlways, ByCopy, ByLine, ByNothing, ByRule, Part
from streamproc.core.history import History
from streamproc.core.plan import changed, plan
from streamproc.core.resource import LEVELS, Resource
from streamproc.core.rules import Rules
from streamproc.past import begin, end, say, told
from streamproc.services.asof import NEEDED, within
from streamproc.services.history import opened, partition_of
from streamproc.services.spread import by_partition
from streamproc.topics import CHANGES

Result = TypeVar("Result")

_RECORDED: Final = {
    "equal": "folded anew it is equal",
    "missing": "folded anew; scim.operations doesn't have the record (compacted, or not written yet)",
    "differs": "AS RECORDED; FOLDED ANEW IT DIFFERS: see streamproc replay --verify",
    "altered": "folded anew; THE RECORD DOESN'T FIT ITS OWN HASH, OR CAN'T BE READ: see streamproc replay --verify",
}


def run_as_of(
    settings: Settings,
    *,
    at: int,
    user: str | None = None,
    archive: Path | None = None,
    offline: bool = False,
    assumed: Rules | None = None,
    as_json: bool = False,
    clock: Callable[[], float] = time.time,
) -> None:
    """Answer for the moment `at` (ms since 1970), of one user or of all; as JSON, one line for each user.

    Of what is yet to come nothing is known: then the answer is as of now, or as of the archive's end, and says so.
    Exits with 1 where nothing had been said of the user, or what is recorded doesn't agree. `assumed`: the mapping
    that logs begin with which name none. `clock`: seconds since 1970. Raises what `opened` and `as_of` raise;
    click.UsageError.
    """
    if user is not None and not user.strip():
        raise click.UsageError("--user wants a user ID; without --user it is everybody")
    asked = _Asked(at, user, assumed, as_json, at)
    if not offline:
        asked = _until_now(asked, round(clock() * 1000))
    shown = asyncio.run(_shown(settings, asked, archive, offline))
    if not shown.users:
        begun = "" if shown.begun is None or shown.begun <= at else f"; the log begins at {told(shown.begun)}"
        whom = "anybody" if user is None else f"user {user}"
        click.echo(f"streamproc: nothing had been said of {whom} by {told(at)}{begun}", err=True)
    if (not shown.users and user is not None) or shown.wrong:
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked; see `run_as_of`. `said`: the moment as it was given, be it later than what can be known."""

    at: int
    user: str | None
    assumed: Rules | None
    as_json: bool
    said: int


@dataclass(slots=True)
class _Shown:
    """How many users were shown, and of how many the record is wrong. `begun`: when the log begins, of nobody."""

    users: int = 0
    wrong: int = 0
    begun: int | None = None

    def __add__(self, other: "_Shown") -> "_Shown":
        return _Shown(self.users + other.users, self.wrong + other.wrong)


async def _shown(settings: Settings, asked: _Asked, archive: Path | None, offline: bool) -> _Shown:
    async with opened(settings, archive, topics=NEEDED, key=asked.user, live=not offline, say=say) as history:
        asked = _ended(asked, history, archive) if offline else asked
        shown, tables = _Shown(), list[list[tuple[str, str]]]()
        for counted, lines in _done(history, asked):
            shown += counted
            if asked.user is None and not asked.as_json:
                tables.append(lines)
                continue
            for _, line in lines:
                click.echo(line)
        if tables:
            click.echo(_HEADER)
            for _, line in merge(*tables, key=itemgetter(0)):
                click.echo(line)
        if not shown.users:
            only = None if asked.user is None else [partition_of(asked.user.encode(), history.partitions)]
            shown.begun = begin(history, CHANGES, only)
        return shown


def _until_now(asked: _Asked, now: int) -> _Asked:
    """As of now (ms since 1970), where what is asked of is yet to come."""
    if asked.at <= now:
        return asked
    say(f"{told(asked.at)} is yet to come: the answer is as of now, {told(now)}")
    return replace(asked, at=now)


def _ended(asked: _Asked, history: Archived, archive: Path | None) -> _Asked:
    """As of the archive's last record, where it can't tell what came after."""
    last = end(history, NEEDED) - 1
    if not 0 <= last < asked.at:
        return asked
    say(f"{archive} ends at {told(last)}: the answer is as of then")
    return replace(asked, at=last)


def _done(history: History, asked: _Asked) -> Iterator[tuple[_Shown, list[tuple[str, str]]]]:
    """What is shown of each partition, one after the other: (user, line) by user."""
    if asked.user is not None:
        yield _lines(history, partition_of(asked.user.encode(), history.partitions), asked)
        return
    for _, done in _in_order(by_partition(history, partial(_lines, asked=asked)), history.partitions):
        yield done


def _lines(history: History, partition: int, asked: _Asked) -> tuple[_Shown, list[tuple[str, str]]]:
    """What is shown of one partition."""
    shown, lines = _Shown(), []
    for answer in within(history, partition, asked.at, asked.user, asked.assumed):
        shown += _Shown(1, answer.recorded in {"differs", "altered"})
        if asked.as_json:
            told_of = [orjson.dumps(_whole(answer, asked.said)).decode()]
        else:
            told_of = list(map(_plain, [row(answer)] if asked.user is None else answered(answer)))
        lines += [(answer.user, line) for line in told_of]
    return shown, lines


def _whole(answer: AsOf, said: int) -> dict[str, Any]:
    """For machines: `asked` is T as it was given, `at` the moment that the answer is of."""
    found = {each.name: getattr(answer, each.name) for each in fields(answer)}
    return {"user": found.pop("user"), "asked": said} | found


def _in_order(done: Iterator[tuple[int, Result]], partitions: int) -> Iterator[tuple[int, Result]]:
    """By partition, as soon as all before it are there."""
    waiting: dict[int, Result] = {}
    following = 0
    for partition, result in done:
        waiting[partition] = result
        say(f"partition {partition}: done, {len(waiting) + following} of {partitions}")
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1


# All users

_HEADER: Final = f"{'user':<20} {'desired':<9} {'target':<9} {'acknowledged':<24} "


def row(answer: AsOf) -> str:
    """One line of a table."""
    known = answer.acknowledged
    held = _access(known.holds) if known.state == "holds" else known.state
    at = "-" if known.at is None else told(known.at)
    return f"{answer.user:<20} {_access(answer.desired):<9} {held:<9} {at:<24} {_difference(answer)}"


def _access(resource: Resource | None) -> str:
    active = (resource or {}).get("active")
    return {True: "active", False: "inactive"}.get(cast("bool", active), "-")


def _difference(answer: AsOf) -> str:
    """How what is desired and what is acknowledged differ, in words."""
    known = answer.acknowledged
    words = [f"{each.method} sent {told(each.sent)}, {_fate(each.answered)}" for each in known.open]
    if known.state in {"holds", "absent"}:
        to_do = plan(known.holds, answer.desired)
        named: list[str] = []
        for operation in to_do:
            changes = getattr(operation, "changes", None)
            named.append(operation.op if changes is None else f"{operation.op} {', '.join(changes)}")
        words.append("as desired" if not to_do else f"to do: {'; '.join(named)}")
    if answer.recorded in {"differs", "altered"}:
        words.append(f"record {answer.recorded}")
    return "; ".join(words)


def _fate(answered: int | None) -> str:
    return "no answer yet" if answered is None else "answer lost: it may have been applied"


# One user


def answered(answer: AsOf) -> Iterator[str]:
    """The answer about one user, for reading."""
    yield f"{answer.user} as of {told(answer.at)}"
    yield ""
    place = f"identity.changes/{answer.partition}@{answer.seq}"
    yield f"Desired, by the event at {place} ({_RECORDED[answer.recorded]})"
    if answer.mapping is not None:
        rules = answer.mapping
        yield f"  mapping {rules.digest}, in force from offset {rules.since} on, by {rules.by}: {rules.reason}"
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
    yield from (f"  problem: {problem}" for problem in answer.problems)
    if answer.overdue is not None:
        yield f"  a date had passed at {told(answer.overdue // 1000)}, and no event had told the log yet"
    if answer.upcoming is not None and answer.overdue is None:
        yield f"  {_due(answer.upcoming)}"
    yield ""
    yield from _acknowledged(answer)


def _due(upcoming: Upcoming) -> str:
    """The next date, and what it comes to."""
    changes = "; ".join(f"{name} = {_value(value)}" for name, value in upcoming.desired.items()) or "nothing changes"
    line = f"due {told(upcoming.at // 1000)}: {changes}, by {upcoming.source} {upcoming.subject}"
    if upcoming.effective is not None:
        line += f", effective {upcoming.effective.said} ({upcoming.effective.zone})"
    return line


def _reason(reason: Reason, partition: int) -> Iterator[str]:
    since = "(more is given)" if reason.since is None else f"since {told(reason.since.at)}"
    value = "" if reason.value is None and reason.element is not None else _value(reason.value)
    named = f"  {reason.element} {value}" if reason.element is not None else f"{reason.attribute:<16} {value}"
    words = "; ".join(_said(each, partition) for each in reason.said)
    yield "  " + "  ".join(part for part in (f"{named:<32}", since, _part(reason.part), words) if part)


def _part(part: Part) -> str:
    match part:
        case ByLine(fact):
            return f"attribute ({fact})"
        case ByCopy(number, fact):
            return f"copy {number} ({fact})"
        case ByRule(number, when):
            wanted = (f"{fact} = {each if isinstance(each, str) else ' | '.join(each)}" for fact, each in when.items())
            return f"rule {number} ({' and '.join(wanted)})"
        case ByAlways():
            return "always"
        case ByNothing():
            return "nothing gives it a value"
        case _:
            assert_never(part)


def _said(said: Said, partition: int) -> str:
    word = said.word
    what = f"{word.fact} = {_value(word.value)}"
    if word.left and word.value is None:
        what = f"{word.fact}: the subject has left this user"
    line = f"{what}  {word.source} {word.subject}"
    if word.effective is not None:
        line += f", effective {word.effective.said} ({word.effective.zone})"
    if said.saying is None:
        return line
    saying, raw = said.saying, said.saying.origin
    line += f", {saying.kind} {saying.event}, identity.changes/{partition}@{saying.offset}"
    return f"{line}, from {raw.topic}/{raw.partition}@{raw.offset} appended {told(raw.appended)}"


def _acknowledged(answer: AsOf) -> Iterator[str]:
    known = answer.acknowledged
    yield _state(known)
    if known.holds is not None:
        yield from _values(known.holds)
        different = _differing(known.holds, answer.desired)
        if not different and not plan(known.holds, answer.desired):
            yield "  that is what was desired"
        for name, (held, wanted) in different.items():
            yield f"  {name}: {_value(wanted)} was desired, not {_value(held)}"
    for each in known.open:
        yield f"  open: {each.method} {each.path}, sent {told(each.sent)}, {_fate(each.answered)} (request {each.id})"


def _state(known: Acknowledged) -> str:
    at = "" if known.at is None else f"at {told(known.at)} (request {known.request})"
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


def _plain(line: str) -> str:
    """What sources say may hold what a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)
