"""`streamproc report`: what an auditor or a security officer asks of the log. Each command names its exit codes."""

import asyncio
import math
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streamproc import __version__
from streamproc.audit.revocations import latency
from streamproc.audit.revocations.latency import LIMIT, Leaver, Report
from streamproc.audit.revocations.query import BESIDE, NEEDED, leavers
from streamproc.audit.revocations.report.document import Assets, document
from streamproc.audit.revocations.report.plain import as_csv, as_json, lines
from streamproc.audit.revocations.report.words import rfc3339
from streamproc.audit.words import count
from streamproc.cli.evidence import evidence, verify
from streamproc.cli.history_source import HistorySource, last_moment, with_source
from streamproc.cli.options import ARCHIVE, KAFKA, OFFLINE, Moment, Output, say, write_private
from streamproc.cli.screen import complain, put, put_content, put_lines
from streamproc.core.errors import HistoryError
from streamproc.core.shown import shown, shown_json

FORMATS: Final = ("table", "csv", "json", "html")
LONGEST: Final = 1e9
"""The largest limit in seconds: three decades."""


class _Seconds(click.FloatRange):
    """A number of seconds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Fails for NaN, which lies in every range."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return seconds


@click.group
def report() -> None:
    """For auditors: how fast leavers lost their access, and evidence that can be checked without us."""


@report.command(
    epilog="Example: streamproc report revocations --from 2026-03-01 --to 2026-03-31 --format html -o march.html"
)
@click.option("--from", "first", type=Moment(), required=True, metavar="T", help="ISO 8601 with a zone, or a UTC day.")
@click.option(
    "--to", "end", type=Moment(ends=True), required=True, metavar="T", help="The same; a day counts to its end."
)
@click.option("--limit", type=_Seconds(0.001, LONGEST), default=LIMIT, show_default=True, metavar="SECONDS")
@ARCHIVE
@OFFLINE
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--json", "as_json_", is_flag=True, help="For machines: the same as --format json.")
@click.option("-o", "--output", type=Output(), metavar="FILE", help="Else to the screen.")
@KAFKA
@with_source
def revocations(
    first: int,
    end: int,
    limit: float,
    form: str,
    as_json_: bool,
    output: Path | None,
    source: HistorySource,
) -> None:
    """How long each leaver kept access, hop by hop: p50, p99, who was too late, who still has it.

    1: somebody was revoked later than the limit, or is open for longer; or the log doesn't tell what became of
    somebody. Who keeps access by decision is listed, but isn't late.
    """
    if source.offline and source.archive is None:
        raise click.UsageError("--offline reads the archive alone: name it with --archive DIR")
    if first >= end:
        raise click.UsageError("--from must lie before --to")
    now = round(time.time() * 1000)
    if first >= now:
        raise click.UsageError("--from lies in the future: nothing has happened there yet")
    everybody, end = asyncio.run(_read(source, min(end, now)))
    if first >= end:
        raise HistoryError(
            f"{source.archive} ends at {rfc3339(end)}, before --from; bring it up to date, or leave out --offline"
        )
    summary = latency.report(everybody, first, end, round(limit * 1000))
    form = "json" if as_json_ else form
    if output is not None:
        write_private(output, rendered(summary, form, _read_from(source)))
        put(f"{output}: {count(len(summary.leavers), 'leaver')}, {len(summary.late)} over the limit", err=True)
    elif form == "table":
        put_lines(lines(summary))
    else:
        put_content(rendered(summary, form, _read_from(source)))
    if missing := summary.of("missing"):
        complain(
            f"the log doesn't tell what became of {count(len(missing), 'leaver')}, though it tells what "
            "came after: see streamproc replay --verify"
        )
    sys.exit(1 if summary.late or missing else 0)


def rendered(summary: Report, form: str, read_from: str) -> bytes:
    """The report in one of `FORMATS`. `read_from`: where the records were read, in words."""
    match form:
        case "table":
            return "".join(f"{shown(line.rstrip())}\n" for line in lines(summary)).encode()
        case "csv":
            return as_csv(summary).encode()
        case "html":
            return document(summary, _assets(), __version__, read_from).encode()
        case _:
            return shown_json(as_json(summary), orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).encode()


def _assets() -> Assets:
    folder = resources.files("streamproc.audit.revocations.report")
    return Assets(*(folder.joinpath(name).read_text("utf-8") for name in ("style.css", "sort.js", "method.html")))


async def _read(source: HistorySource, end: int) -> tuple[list[Leaver], int]:
    """The leavers, and as of when: an archive alone knows nothing of what came after its last record."""
    async with source.history(NEEDED, optional=BESIDE) as history:
        if source.offline:
            archive_ends = last_moment(history, NEEDED)
            if archive_ends < end:
                say(f"{source.archive} ends at {rfc3339(archive_ends)}: the report is as of then")
                end = archive_ends
        return leavers(history, end, say), end


def _read_from(source: HistorySource) -> str:
    if source.archive is None:
        return "the live topics"
    return "an archive" if source.offline else "an archive, and what the live topics have beyond it"


report.add_command(evidence)
report.add_command(verify)
