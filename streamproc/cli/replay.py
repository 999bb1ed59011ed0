"""`streamproc replay`: the log folded anew, to compare it with what was recorded, or to answer for a moment in it."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from streamproc.archive.layout import Gap
from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.divergence import Divergence
from streamproc.audit.replay.record_check import Counts
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import BESIDE, NEEDED, ReplayResult, Verified, verify
from streamproc.audit.words import iso_moment
from streamproc.cli.asof import AsOfRequest, run_as_of
from streamproc.cli.history_source import HistorySource, with_source
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, Moment, say
from streamproc.cli.screen import put_json, put_lines
from streamproc.cli.table import table, wrapped
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.units import Millis


@click.command(epilog="Example: streamproc replay --verify --archive ./archive --json")
@click.option("--verify", "verify_", is_flag=True, help="Compare every record and outcome with what the log gives.")
@click.option("--as-of", "at", type=Moment(), metavar="T", help="Who had which access at T, and why.")
@click.option("--from", "trusted_before", type=Moment(), metavar="T", help="Take the records of before T as they are.")
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
@with_source
def replay(
    verify_: bool,
    at: int | None,
    trusted_before: int | None,
    user: str | None,
    file: Path | None,
    as_json: bool,
    source: HistorySource,
) -> None:
    """Fold the log anew: --verify compares it with what was recorded, --as-of answers for a moment in it.

    T is ISO 8601 with a zone, or ms since 1970. --verify ends with 1 where anything recorded isn't what the log gives,
    and names the first place: what was altered, added, left out, swapped or told twice, with topic, partition, offset.
    """
    if verify_ == (at is not None):
        raise click.UsageError("either --verify or --as-of T")
    if verify_ and user is not None:
        raise click.UsageError("--user goes with --as-of")
    if at is not None and trusted_before is not None:
        raise click.UsageError("--from goes with --verify")
    assumed = None if file is None else _assumed(file)
    if at is not None:
        run_as_of(source, AsOfRequest(at, user, assumed, as_json))
        return
    result, gaps = asyncio.run(_verified(source, PartitionRequest(trusted_before, assumed)))
    if as_json:
        put_json(as_object(result, trusted_before, gaps))
    else:
        put_lines(lines(result, trusted_before))
    sys.exit(0 if result.equal else 1)


async def _verified(source: HistorySource, request: PartitionRequest) -> tuple[ReplayResult, tuple[Gap, ...]]:
    """The comparison, and the gaps that the archive says it has."""
    async with source.history(NEEDED, optional=BESIDE) as history:
        result = verify(history, request, map_partitions, lambda done: say(f"{_name(done)}: {_ending(done)}"))
        return result, tuple(gap for gap in history.manifest.gaps if gap.topic in NEEDED)


def _assumed(file: Path) -> MappingInForce:
    """The mapping in a file, as what a log begins with. Raises MappingError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{file} can't be read: {error}") from error
    mapping = parse_mapping(text, str(file))
    return MappingInForce(-1, mapping.digest, text, "", f"--mapping {file}", Origin("", 0, -1, Millis(0)), Millis(0))


def as_object(result: ReplayResult, trusted_before: int | None, gaps: Sequence[Gap] = ()) -> dict[str, Any]:
    """As JSON. `gaps`: offsets that the archive says it never had."""
    return {
        "equal": result.equal,
        "since": trusted_before,
        "gaps": [asdict(gap) for gap in gaps],
        "unread": list(result.unread),
        "divergences": sum(partition.divergences for partition in result.partitions),
        "first": None if result.first is None else asdict(result.first),
        "counts": asdict(result.counts),
        "partitions": [
            {"partition": partition.partition, "divergences": partition.divergences, "counts": asdict(partition.counts)}
            | {"first": None if partition.first is None else asdict(partition.first)}
            for partition in result.partitions
        ],
    }


def lines(result: ReplayResult, trusted_before: int | None) -> Iterator[str]:
    """As text, for people."""
    counts, first = result.counts, result.first
    cells = [(_name(partition), _counted(partition.counts)) for partition in result.partitions]
    if trusted_before is not None:
        trusted = f"the records of {counts.trusted} users as they were recorded before {iso_moment(trusted_before)}"
        cells.append(("trusted", trusted))
    cells += [("never read", each) for each in result.unread]
    if first is None:
        yield from table([*cells, ("equal", _counted(counts))])
        return
    others = sum(partition.divergences for partition in result.partitions) - 1
    follow = f"; {others} more, of which most will follow from it" if others else ""
    yield from table([*cells, ("NOT EQUAL", f"{_counted(counts)}{follow}")])
    yield from _divergence_lines(first)


def _divergence_lines(first: Divergence) -> Iterator[str]:
    yield from wrapped(first.sentence)
    if first.path is not None:
        yield f"  at          {first.path or 'the whole value'}"
    if first.recorded is not None or first.recomputed is not None:
        yield f"  recorded    {_value(first.recorded)}"
        yield f"  recomputed  {_value(first.recomputed)}"


def _counted(counts: Counts) -> str:
    """What was compared, and what there is to know of the rest."""
    compared = f"{counts.events} events, {counts.records} records, {counts.fates} fates in {counts.outcomes} outcomes"
    rest = ("mappings", "rejected", "repeats", "compacted", "unfolded", "open")
    return "; ".join([compared, *(f"{getattr(counts, name)} {name}" for name in rest if getattr(counts, name))])


def _name(partition: Verified) -> str:
    return f"partition {partition.partition}"


def _ending(partition: Verified) -> str:
    verdict = f"{partition.divergences} DIVERGENCES" if partition.divergences else "equal"
    return f"{partition.counts.events} events, {verdict}"


def _value(value: Any) -> str:
    return orjson.dumps(value).decode()
