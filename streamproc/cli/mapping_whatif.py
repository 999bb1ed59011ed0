"""`mapping whatif`: what another mapping would have done, and would do now. Nothing is sent."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.words import count, iso_moment
from streamproc.cli.history_source import HistorySource, first_moment, last_moment, with_source
from streamproc.cli.mapping_check import FILE, read
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, say
from streamproc.cli.options import Moment as At
from streamproc.cli.screen import put_json, put_lines
from streamproc.cli.table import table, width, wrapped
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.impact import ORDER, Example, Impact, Moment
from streamproc.mapping_preview.run import Answered, Question, compared

_KINDS: Final = ORDER[:-1]
_SCOPE: Final = {
    "enter": "would enter",
    "leave": "would leave",
    "suspend": "would be suspended",
    "kept_blank": "stay as they are: a fact has no value",
    "unknown": "stay as they are: it can't be told",
}
_MOST: Final = 20
"""Names of one list that the table shows."""


@click.command(epilog="Example: streamproc mapping whatif new.toml --since 2026-01-01T00:00:00Z --fail-over 50")
@FILE
@click.option("--since", metavar="T", type=At(), help="As if in force since then; else since the beginning.")
@click.option(
    "--fail-over", metavar="N", type=click.IntRange(0), help="1 if something would be sent to more than N users now."
)
@click.option(
    "--examples", metavar="N", type=click.IntRange(0), default=5, show_default=True, help="Users shown of each kind."
)
@ARCHIVE
@OFFLINE
@KAFKA
@JSON
@with_source
def whatif(
    file: Path, since: int | None, fail_over: int | None, examples: int, as_json: bool, source: HistorySource
) -> None:
    """Fold the history by the mappings that were in force and beside it by FILE, and tell what differs.

    "Now" is what `mapping apply` would do. Examples show people's attributes: --examples 0 leaves them out.
    """
    text, mapping = read(file)
    begun = time.perf_counter()
    now = None if source.offline else Millis(time.time_ns() // 1_000_000)
    question = Question(text, str(file), source.settings().worker.mapping_text(), since, now, examples)

    async def answer() -> Answered:
        async with source.history([CHANGES]) as history:
            _say_where_it_begins(since, history)
            return await asyncio.to_thread(compared, history, question, say)

    answered = asyncio.run(answer())
    impact = answered.impact
    say(f"{impact.events:,} events in {time.perf_counter() - begun:.1f} s")
    over = fail_over is not None and impact.sent > fail_over
    if as_json:
        shown = {"mapping": mapping.digest, "since": since, "over": over} | as_object(answered)
        put_json(shown, orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    else:
        put_lines(lines(answered, mapping.digest, since))
    if over:
        say(
            f"streamproc: something would be sent to {impact.sent} users now, more than {fail_over}; "
            f"{impact.operations['deactivate']} of them would be deactivated"
        )
        sys.exit(1)


def _say_where_it_begins(since: int | None, history: ArchivedHistory) -> None:
    """Where `--since` lies before or after the whole log, say so: the numbers don't show it."""
    if since is None:
        return
    first, last = first_moment(history, CHANGES), last_moment(history, [CHANGES]) - 1
    if first is None:
        say("the log has no event")
    elif since > last:
        say(
            f"--since {iso_moment(since)} is after the log's last event, at {iso_moment(last)}: "
            'there is nothing in the period, and "at any time" only counts what differs now'
        )
    elif since < first:
        say(
            f"--since {iso_moment(since)} is before the log's first event, at {iso_moment(first)}: "
            "the period begins there"
        )


def as_object(answered: Answered) -> dict[str, Any]:
    """As JSON."""
    impact = answered.impact
    return {
        "in_force": answered.in_force,
        "assumed": answered.assumed,
        "events": impact.events,
        "unreadable": impact.unreadable,
        "users": impact.users,
        "period": {
            "touched": impact.touched,
            "deactivated": impact.out,
            "let_in": impact.let_in,
            "operations": {"old": _kinds(impact.old), "new": _kinds(impact.new)},
            "examples": {"deactivated": _moments(impact.out_examples), "let_in": _moments(impact.let_in_examples)},
        },
        "now": {
            "differ": impact.differ,
            "touched": impact.sent,
            "operations": _kinds(impact.operations),
            "scope": scope_counts(impact),
            "gained": impact.gained,
            "lost": impact.lost,
            "other_level": {name: impact.levels[name] for name in ("skills", "languages")},
            "attributes": impact.attributes,
            "released": impact.released,
            "policies": impact.policies,
            "problems": {"new": impact.arisen, "gone": impact.gone},
            "examples": {kind: examples for kind, examples in impact.examples.items() if examples},
        },
    }


def scope_counts(impact: Impact) -> dict[str, int]:
    """Users by what becomes of them now by scope and suspension, as JSON."""
    return {
        "enter": impact.enter,
        "leave": impact.leave,
        "suspend": impact.suspend,
        "kept_blank": impact.blank,
        "unknown": impact.unknown,
    }


def _kinds(counted: Counter[str]) -> dict[str, int]:
    return {kind: counted[kind] for kind in _KINDS}


def _moments(moments: Iterable[Moment]) -> list[dict[str, Any]]:
    return [{"user": moment.user, "first": iso_moment(moment.at)} for moment in moments]


def lines(answered: Answered, digest: str, since: int | None) -> Iterator[str]:
    """As text, for people. Who would be deactivated comes first."""
    impact = answered.impact
    in_force = ", ".join(sorted(set(answered.in_force.values())))
    period = "since the beginning" if since is None else f"since {iso_moment(since)}"
    counts = f"{count(impact.events, 'event')}, {count(impact.users, 'user')}"
    yield from wrapped(f"mapping {digest} beside {in_force}, {period}: {counts}")
    if answered.assumed:
        partitions = ", ".join(map(str, answered.assumed))
        yield from wrapped(
            f"the log names no mapping in partitions {partitions}: the settings' mapping was taken for theirs"
        )
    let_in = impact.operations["reactivate"] + impact.operations["create"]
    yield from _numbers(
        ("", "now", "at any time"),
        [
            ("would be deactivated", impact.operations["deactivate"], impact.out),
            ("would be let in", let_in, impact.let_in),
            ("users touched", impact.sent, impact.touched),
        ],
    )
    yield from _scope(impact)
    operations = [(kind, impact.operations[kind], impact.old[kind], impact.new[kind]) for kind in _KINDS]
    yield from _numbers(("operations", "now", "period, old", "period, new"), operations)
    yield from _names(impact)
    for title, counted in (
        ("attributes changed", impact.attributes),
        ("not owned any more", impact.released),
        ("policies", impact.policies),
        ("new problems", impact.arisen),
        ("problems gone", impact.gone),
    ):
        yield from _numbers((title, "users"), counted.most_common())
    yield from _examples(impact)


def _numbers(header: tuple[str, ...], rows: Sequence[tuple[str | int, ...]]) -> Iterator[str]:
    """A table of counts, with an empty line before it; nothing where it has no row."""
    if rows:
        yield ""
        yield from table([header, *(tuple(map(str, row)) for row in rows)], numbers=range(1, len(header)))


def _scope(impact: Impact) -> Iterator[str]:
    """Who enters and leaves; nothing where nobody does and it is known of everybody."""
    counts = scope_counts(impact)
    if any(counts.values()):
        yield from _numbers(("scope", "now"), [(_SCOPE[name], users) for name, users in counts.items()])


def _names(impact: Impact) -> Iterator[str]:
    """Names that people gain and lose now, the most frequent first."""
    for kind in impact.gained:
        with_level = kind in {"skills", "languages"}
        columns = [impact.gained[kind], impact.lost[kind], *([impact.levels[kind]] if with_level else [])]
        names = sum(columns, Counter[str]())
        frequent = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:_MOST]
        header = (kind, "gained", "lost", *(["other level"] if with_level else []))
        yield from _numbers(header, [(name, *(column[name] for column in columns)) for name, _ in frequent])
        if len(names) > _MOST:
            yield f"and {len(names) - _MOST} more; --json has all"


def _examples(impact: Impact) -> Iterator[str]:
    for title, moments in (("deactivated", impact.out_examples), ("let in", impact.let_in_examples)):
        if moments:
            yield ""
            yield f"{title} at some time, the first time:"
            yield from _indented(table([(moment.user, iso_moment(moment.at)) for moment in moments], total=width() - 2))
    for kind in _KINDS:
        if impact.examples[kind]:
            yield ""
            yield f"{kind}, for example:"
            for example in impact.examples[kind]:
                yield from _example(example)


def _example(example: Example) -> Iterator[str]:
    yield f"  {example.user}: {', '.join(example.operations)}"
    for name, (before, after) in example.changes.items():
        yield from wrapped(f"    {name}: {_value(before)} → {_value(after)}")


def _indented(rows: Iterator[str]) -> Iterator[str]:
    yield from (f"  {row}" for row in rows)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(each)}" for name, each in sorted(value.items())) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
