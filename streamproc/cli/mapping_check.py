"""`mapping check`: what is wrong with a mapping file, before anybody is given anything by it."""

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streamproc.audit.words import count
from streamproc.cli.history_source import HistorySource, with_source
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, say
from streamproc.cli.screen import put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose.target import target_catalogue
from streamproc.core.errors import MappingError, TargetError
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.control import LONGEST
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.attribute_usage import CATALOGUED, Catalogued, Surveyed
from streamproc.mapping_preview.lint import (
    Finding,
    Listed,
    Severity,
    Use,
    contradictions,
    ineffective,
    parted,
    unheard,
    unknown,
    unsent,
    uses,
)
from streamproc.mapping_preview.policy_lint import policies
from streamproc.mapping_preview.run import surveyed
from streamproc.sources.mapping_authority import usable

_WORTH: Final[dict[Severity, int]] = {"error": 0, "unchecked": 1, "warning": 2}

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What is to be checked, and against what."""

    text: str
    mapping: Mapping
    name: str
    """Of the file, for messages."""
    with_target: bool
    """Ask the target which names there are."""
    with_history: bool
    """Look at what sources sent, and at what people have."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check came to."""

    mapping: Mapping
    findings: list[Finding]
    used: dict[Catalogued, dict[str, Use]]
    """Kind → name → where the file gives it, and to how many people."""
    history: Surveyed | None
    """None: it wasn't looked at."""
    target: bool
    """Whether names were compared with the target's."""


@click.command(epilog="Example: streamproc mapping check new.toml --archive ./archive --json")
@FILE
@click.option("--target/--no-target", default=True, show_default=True, help="Ask the target which names there are.")
@click.option(
    "--history/--no-history", default=True, show_default=True, help="Look at what sources sent and what people have."
)
@click.option("--strict", is_flag=True, help="Warnings and what couldn't be checked are wrong, too.")
@ARCHIVE
@OFFLINE
@KAFKA
@JSON
@with_source
def check(
    file: Path,
    target: bool,
    history: bool,
    strict: bool,
    as_json: bool,
    source: HistorySource,
) -> None:
    """Check FILE: the format, names that the target doesn't have, attributes that nobody sends, contradictions.

    1 where it has an error: a name that nobody can be given. 2 where the format is wrong.
    """
    checked = asyncio.run(_checked(CheckRequest(*read(file), str(file), target, history), source))
    wrong = {"error", "warning", "unchecked"} if strict else {"error"}
    if as_json:
        put_json(_as_object(checked), orjson.OPT_INDENT_2)
    else:
        put_lines(_lines(checked))
    sys.exit(1 if any(finding.severity in wrong for finding in checked.findings) else 0)


def read(file: Path) -> tuple[str, Mapping]:
    """The file's text, and the mapping. Raises MappingError, also where the file can't be read or is too large."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise MappingError(f"{file} can't be read: {error}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{file} can't be read: it isn't UTF-8. Save it in that encoding") from error
    if len(text.encode()) > LONGEST:
        raise MappingError(f"{file}: more than {LONGEST // 1024} KiB")
    return text, usable(text, str(file))


async def _checked(request: CheckRequest, source: HistorySource) -> Checked:
    settings, mapping = source.settings(), request.mapping
    survey: Surveyed | None = None
    if request.with_history:
        async with source.history([CHANGES]) as history:
            now = None if source.offline else Millis(time.time_ns() // 1_000_000)
            survey = await asyncio.to_thread(surveyed, history, request.text, request.name, now, say)
    used = uses(mapping, survey)
    listed: dict[Catalogued, Listed] = {}
    if request.with_target:
        async with target_catalogue(settings.target, settings.network, settings.sink.platform_url, say) as catalogue:
            try:
                listed = await catalogue.listed(used)
            except TargetError as error:
                raise TargetError(f"{str(error).rstrip('.')}. With --no-target nothing is asked") from error
    return Checked(mapping, _findings(mapping, survey, used, listed), used, survey, request.with_target)


def _findings(
    mapping: Mapping,
    survey: Surveyed | None,
    used: dict[Catalogued, dict[str, Use]],
    listed: dict[Catalogued, Listed],
) -> list[Finding]:
    findings = list(contradictions(mapping))
    for kind, names in listed.items():
        findings += [*unknown(kind, used[kind], names), *parted(kind, mapping.file, names)]
    if survey is not None and survey.events:
        findings += [*unsent(mapping, survey), *unheard(mapping, survey), *ineffective(mapping, survey)]
    return sorted(findings, key=lambda finding: _WORTH[finding.severity])


def _lines(checked: Checked) -> Iterable[str]:
    cells: list[tuple[str, str]] = []
    for finding in checked.findings:
        meant = "" if finding.meant is None else f"; did you mean {finding.meant!r}?"
        people = f" ({count(finding.people, 'person', 'people')} would get it)" if finding.people else ""
        cells.append((finding.severity, f"{finding.where}: {finding.text}{meant}{people}"))
    yield from table(cells)
    for policy, attributes in policies(checked.mapping.file).items():
        if attributes:
            yield f"{policy}: {', '.join(attributes)}"
    names = ", ".join(f"{len(checked.used[kind])} {kind}" for kind in CATALOGUED if checked.used[kind])
    looked = f"{names or 'no names'}, {'compared with' if checked.target else 'not compared with'} the target"
    if checked.history is None:
        looked += "; history not looked at"
    else:
        looked += f"; {count(checked.history.events, 'event')}, {count(checked.history.people, 'person', 'people')}"
    errors = _errors(checked)
    others = len(checked.findings) - errors
    counts = f"{count(errors, 'error')}, {count(others, 'other finding')}"
    yield f"mapping {checked.mapping.digest}: {counts}; {looked}"


def _errors(checked: Checked) -> int:
    return sum(finding.severity == "error" for finding in checked.findings)


def _as_object(checked: Checked) -> dict[str, Any]:
    survey = checked.history
    return {
        "mapping": checked.mapping.digest,
        "errors": _errors(checked),
        "findings": checked.findings,
        "policies": policies(checked.mapping.file),
        "names": {kind: sorted(names) for kind, names in checked.used.items()},
        "target": checked.target,
        "history": None if survey is None else {"events": survey.events, "people": survey.people},
    }
