"""`streamproc replay`: the log folded anew, to compare it with what was recorded, or to answer for a moment in it."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from streamproc.archive.history import opened
from streamproc.archive.layout import Gap
from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.divergence import Divergence
from streamproc.audit.replay.partition import PartitionRequest
from streamproc.audit.replay.record_check import Counts
from streamproc.audit.replay.verify import BESIDE, NEEDED, ReplayResult, Verified, verify
from streamproc.audit.words import iso_moment
from streamproc.cli.asof import run_as_of
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, Moment, say
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.settings import KafkaSettings, load_settings


@click.command(epilog="Example: streamproc replay --verify --archive ./archive --json")
@click.option("--verify", "verify_", is_flag=True, help="Compare every record and outcome with what the log gives.")
@click.option("--as-of", "at", type=Moment(), metavar="T", help="Who had which access at T, and why.")
@click.option("--from", "since", type=Moment(), metavar="T", help="Take the records of before T as they are.")
@click.option("--user", help="With --as-of: only this user, with the reasons.")
@ARCHIVE
@OFFLINE
@click.option(
    "--mapping",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The mapping of a log that names none.",
)
@KAFKA
@JSON
def replay(
    verify_: bool,
    at: int | None,
    since: int | None,
    user: str | None,
    archive: Path | None,
    offline: bool,
    file: Path | None,
    kafka: str | None,
    as_json: bool,
) -> None:
    """Fold the log anew: --verify compares it with what was recorded, --as-of answers for a moment in it.

    T is ISO 8601 with a zone, or ms since 1970. --verify ends with 1 where anything recorded isn't what the log gives,
    and names the first place: what was altered, added, left out, swapped or told twice, with topic, partition, offset.
    """
    if verify_ == (at is not None):
        raise click.UsageError("either --verify or --as-of T")
    if verify_ and user is not None:
        raise click.UsageError("--user goes with --as-of")
    if at is not None and since is not None:
        raise click.UsageError("--from goes with --verify")
    settings = load_settings(kafka=kafka)
    assumed = None if file is None else _assumed(file)
    if at is not None:
        run_as_of(settings.kafka, at=at, user=user, archive=archive, offline=offline, assumed=assumed, as_json=as_json)
        return
    verdict, gaps = asyncio.run(_verdict(settings.kafka, archive, PartitionRequest(since, assumed), live=not offline))
    if as_json:
        click.echo(orjson.dumps(whole(verdict, since, gaps)))
    else:
        for line in lines(verdict, since):
            click.echo(line)
    sys.exit(0 if verdict.equal else 1)


async def _verdict(
    kafka: KafkaSettings, archive: Path | None, asked: PartitionRequest, *, live: bool
) -> tuple[ReplayResult, tuple[Gap, ...]]:
    """And the gaps that the archive says it has."""
    async with opened(kafka, archive, topics=NEEDED, optional=BESIDE, live=live, say=say) as history:
        verdict = verify(history, asked, map_partitions, lambda done: say(f"{_name(done)}: {_ending(done)}"))
        return verdict, tuple(gap for gap in history.manifest.gaps if gap.topic in NEEDED)


def _assumed(file: Path) -> MappingInForce:
    """The mapping in a file, as what a log begins with. Raises MappingError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{file} can't be read: {error}") from error
    mapping = parse_mapping(text, str(file))
    return MappingInForce(-1, mapping.digest, text, "", f"--mapping {file}", Origin("", 0, -1, 0), 0)


def whole(verdict: ReplayResult, since: int | None, gaps: Sequence[Gap] = ()) -> dict[str, Any]:
    """For machines. `gaps`: offsets that the archive says it never had."""
    return {
        "equal": verdict.equal,
        "since": since,
        "gaps": [asdict(gap) for gap in gaps],
        "divergences": sum(each.divergences for each in verdict.partitions),
        "first": None if verdict.first is None else asdict(verdict.first),
        "counts": asdict(verdict.counts),
        "partitions": [
            {"partition": each.partition, "divergences": each.divergences, "counts": asdict(each.counts)}
            | {"first": None if each.first is None else asdict(each.first)}
            for each in verdict.partitions
        ],
    }


def lines(verdict: ReplayResult, since: int | None) -> Iterator[str]:
    """For people."""
    for each in verdict.partitions:
        yield f"{_name(each):<14} {_counted(each.counts)}"
    counts, first = verdict.counts, verdict.first
    if since is not None:
        yield f"trusted        the records of {counts.trusted} users as they were recorded before {iso_moment(since)}"
    if first is None:
        yield f"equal          {_counted(counts)}"
        return
    more = sum(each.divergences for each in verdict.partitions) - 1
    follow = f"; {more} more, of which most will follow from it" if more else ""
    yield f"NOT EQUAL      {_counted(counts)}{follow}"
    yield from _shown(first)


def _shown(first: Divergence) -> Iterator[str]:
    yield first.told
    if first.path is not None:
        yield f"  at          {first.path or 'the whole value'}"
    if first.recorded is not None or first.recomputed is not None:
        yield f"  recorded    {_value(first.recorded)}"
        yield f"  recomputed  {_value(first.recomputed)}"


def _counted(counts: Counts) -> str:
    """What was compared, and what there is to know of the rest."""
    said = f"{counts.events} events, {counts.records} records, {counts.fates} fates in {counts.outcomes} outcomes"
    rest = ("mappings", "rejected", "repeats", "compacted", "unfolded", "open")
    return "; ".join([said, *(f"{getattr(counts, name)} {name}" for name in rest if getattr(counts, name))])


def _name(done: Verified) -> str:
    return f"partition {done.partition}"


def _ending(done: Verified) -> str:
    return f"{done.counts.events} events, {f'{done.divergences} DIVERGENCES' if done.divergences else 'equal'}"


def _value(value: Any) -> str:
    return orjson.dumps(value).decode()
