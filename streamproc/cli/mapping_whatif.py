"""`mapping whatif`: what another mapping would have done, and would do now. Nothing is sent."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streamproc.archive.history import opened
from streamproc.archive.reader import ArchivedHistory
from streamproc.audit.words import count, iso_moment
from streamproc.cli.mapping_check import FILE, read
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, first_moment, last_moment, say
from streamproc.cli.options import Moment as At
from streamproc.core.records.topic_names import CHANGES
from streamproc.mapping_preview.impact import ORDER, Example, Impact, Moment, Names
from streamproc.mapping_preview.run import Answered, Question, compared
from streamproc.settings import KafkaSettings, load_settings

_KINDS: Final = ORDER[:-1]
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
def whatif(
    file: Path,
    since: int | None,
    fail_over: int | None,
    examples: int,
    archive: Path | None,
    offline: bool,
    kafka: str | None,
    as_json: bool,
) -> None:
    """Fold the history by the mappings that were in force and beside it by FILE, and tell what differs.

    "Now" is what `mapping apply` would do. Examples show people's attributes: --examples 0 leaves them out.
    """
    text, mapping = read(file)
    settings = load_settings(kafka=kafka)
    begun = time.perf_counter()
    now = None if offline else time.time_ns() // 1_000_000
    question = Question(text, str(file), settings.worker.mapping_text(), since, now, examples)
    answered = asyncio.run(_answered(settings.kafka, question, archive, offline=offline))
    say(f"{answered.impact.events:,} events in {time.perf_counter() - begun:.1f} s")
    over = fail_over is not None and answered.impact.sent > fail_over
    if as_json:
        whole = {"mapping": mapping.digest, "since": since, "over": over} | shown(answered)
        click.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    else:
        for line in lines(answered, mapping.digest, since):
            click.echo(line)
    if over:
        impact = answered.impact
        click.echo(
            f"streamproc: something would be sent to {impact.sent} users now, more than {fail_over}; "
            f"{impact.operations['deactivate']} of them would be deactivated",
            err=True,
        )
        sys.exit(1)


async def _answered(kafka: KafkaSettings, question: Question, archive: Path | None, *, offline: bool) -> Answered:
    async with opened(kafka, archive, topics=[CHANGES], live=not offline, say=say) as history:
        _placed(question.since, history)
        return await asyncio.to_thread(compared, history, question, say)


def _placed(since: int | None, history: ArchivedHistory) -> None:
    """Say where the period lies beside the log: its numbers don't."""
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


def shown(answered: Answered) -> dict[str, Any]:
    """For machines."""
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
            "gained": impact.gained,
            "lost": impact.lost,
            "other_level": {name: impact.levels[name] for name in ("skills", "languages")},
            "attributes": impact.attributes,
            "released": impact.released,
            "problems": {"new": impact.arisen, "gone": impact.gone},
            "examples": {kind: found for kind, found in impact.examples.items() if found},
        },
    }


def _kinds(counted: Counter[str]) -> dict[str, int]:
    return {kind: counted[kind] for kind in _KINDS}


def _moments(moments: Iterable[Moment]) -> list[dict[str, Any]]:
    return [{"user": each.user, "first": iso_moment(each.at)} for each in moments]


def lines(answered: Answered, digest: str, since: int | None) -> Iterator[str]:
    """For people. Who would be deactivated comes first."""
    impact = answered.impact
    beside = ", ".join(sorted(set(answered.in_force.values())))
    period = "since the beginning" if since is None else f"since {iso_moment(since)}"
    yield f"mapping {digest} beside {beside}, {period}: {count(impact.events, 'event')}, {count(impact.users, 'user')}"
    if answered.assumed:
        named = ", ".join(map(str, answered.assumed))
        yield f"the log names no mapping in partitions {named}: the settings' mapping was taken for theirs"
    yield ""
    yield f"{'':<24} {'now':>10} {'at any time':>12}"
    yield f"{'would be deactivated':<24} {impact.operations['deactivate']:>10} {impact.out:>12}"
    let_in = impact.operations["reactivate"] + impact.operations["create"]
    yield f"{'would be let in':<24} {let_in:>10} {impact.let_in:>12}"
    yield f"{'users touched':<24} {impact.sent:>10} {impact.touched:>12}"
    yield ""
    yield f"{'operations':<24} {'now':>10} {'period, old':>12} {'period, new':>12}"
    for kind in _KINDS:
        yield f"{kind:<24} {impact.operations[kind]:>10} {impact.old[kind]:>12} {impact.new[kind]:>12}"
    yield from _names(impact)
    yield from _counted("attributes changed", impact.attributes)
    yield from _counted("not owned any more", impact.released)
    yield from _counted("new problems", impact.arisen)
    yield from _counted("problems gone", impact.gone)
    yield from _examples(impact)


def _names(impact: Impact) -> Iterator[str]:
    """Names that people gain and lose now, the most frequent first."""
    for kind in impact.gained:
        rows: Names = {"gained": impact.gained[kind], "lost": impact.lost[kind], "other level": impact.levels[kind]}
        names = Counter[str]()
        for counted in rows.values():
            names.update(counted)
        if not names:
            continue
        levels = f" {'other level':>12}" if kind in {"skills", "languages"} else ""
        yield ""
        yield f"{kind:<24} {'gained':>10} {'lost':>12}{levels}"
        for name, _ in sorted(names.items(), key=lambda one: (-one[1], one[0]))[:_MOST]:
            level = f" {rows['other level'][name]:>12}" if levels else ""
            yield f"{name:<24} {rows['gained'][name]:>10} {rows['lost'][name]:>12}{level}"
        if len(names) > _MOST:
            yield f"and {len(names) - _MOST} more; --json has all"


def _counted(title: str, counted: Counter[str]) -> Iterator[str]:
    if counted:
        yield ""
        yield f"{title:<24} {'users':>10}"
        yield from (f"{name:<24} {count:>10}" for name, count in counted.most_common())


def _examples(impact: Impact) -> Iterator[str]:
    for title, moments in (("deactivated", impact.out_examples), ("let in", impact.let_in_examples)):
        if moments:
            yield ""
            yield f"{title} at some time, the first time:"
            yield from (f"  {each.user:<22} {iso_moment(each.at)}" for each in moments)
    for kind in _KINDS:
        if impact.examples[kind]:
            yield ""
            yield f"{kind}, for example:"
            for each in impact.examples[kind]:
                yield from _example(each)


def _example(example: Example) -> Iterator[str]:
    yield f"  {example.user:<22} {', '.join(example.operations)}"
    for name, (before, after) in example.changes.items():
        yield f"    {name}: {_value(before)} → {_value(after)}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {level:g}" for name, level in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
