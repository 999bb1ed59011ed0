"""`mapping check`: what is wrong with a mapping file, before anybody is given anything by it."""

import asyncio
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streamproc.adapters.oauth import bearer
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.archive.history import opened
from streamproc.audit.words import count
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, say
from streamproc.cli.table import table
from streamproc.compose import target_session
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.topic_names import CHANGES
from streamproc.mapping_preview.attribute_usage import CATALOGUED, Catalogued, Surveyed
from streamproc.mapping_preview.lint import Finding, Listed, Severity, Use, contradictions, unknown, unsent, uses
from streamproc.mapping_preview.run import surveyed
from streamproc.mapping_preview.target_catalogue import Catalogue
from streamproc.settings import Settings, TargetSettings, load_settings
from streamproc.sources.mapping_authority import usable

_WORTH: Final[dict[Severity, int]] = {"error": 0, "unchecked": 1, "warning": 2}

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and what was looked at."""

    mapping: Mapping
    findings: list[Finding]
    used: dict[Catalogued, dict[str, Use]]
    history: Surveyed | None
    target: bool


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
def check(
    file: Path,
    target: bool,
    history: bool,
    strict: bool,
    archive: Path | None,
    offline: bool,
    kafka: str | None,
    as_json: bool,
) -> None:
    """Check FILE: the format, names that the target doesn't have, attributes that nobody sends, contradictions.

    1 where it has an error: a name that nobody can be given. 2 where the format is wrong.
    """
    text, mapping = read(file)
    settings = load_settings(kafka=kafka)
    found = asyncio.run(_checked(settings, text, file, mapping, target, history, archive, offline))
    wrong = {"error", "warning", "unchecked"} if strict else {"error"}
    if as_json:
        click.echo(orjson.dumps(_whole(found), option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(found):
            click.echo(line)
    sys.exit(1 if any(each.severity in wrong for each in found.findings) else 0)


def read(file: Path) -> tuple[str, Mapping]:
    """Its text, and the mapping. Raises MappingError, also where it can't be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{file} can't be read: {error}") from error
    return text, usable(text, str(file))


async def _checked(
    settings: Settings,
    text: str,
    file: Path,
    mapping: Mapping,
    target: bool,
    with_history: bool,
    archive: Path | None,
    offline: bool,
) -> Checked:
    seen: Surveyed | None = None
    if with_history:
        async with opened(settings.kafka, archive, topics=[CHANGES], live=not offline, say=say) as history:
            now = None if offline else time.time_ns() // 1_000_000
            seen = await asyncio.to_thread(surveyed, history, text, str(file), now, say)
    used = uses(mapping.file, seen)
    listed = await catalogue(settings.target, settings.sink.platform_url, used) if target else {}
    return Checked(mapping, _findings(mapping, seen, used, listed), used, seen, target)


async def catalogue(
    target: TargetSettings, platform_url: str, used: dict[Catalogued, dict[str, Use]]
) -> dict[Catalogued, Listed]:
    """What the target has of these kinds. Raises TargetError."""
    async with target_session(target) as http:
        tokens = bearer(target, http, time.monotonic)
        scim, platform = ScimHttp(http, target.scim_url, tokens), PlatformHttp(http, platform_url, tokens)
        return await Catalogue(scim, platform, target.dialect, asyncio.sleep, random.random, say).listed(used)


def _findings(
    mapping: Mapping,
    seen: Surveyed | None,
    used: dict[Catalogued, dict[str, Use]],
    listed: dict[Catalogued, Listed],
) -> list[Finding]:
    found = list(contradictions(mapping.file))
    for kind, there in listed.items():
        found += unknown(kind, used[kind], there)
    if seen is not None and seen.events:
        found += unsent(mapping.file, seen)
    return sorted(found, key=lambda one: _WORTH[one.severity])


def _lines(checked: Checked) -> Iterable[str]:
    cells: list[tuple[str, str]] = []
    for each in checked.findings:
        meant = "" if each.meant is None else f"; did you mean {each.meant!r}?"
        people = f" ({count(each.people, 'person', 'people')} would get it)" if each.people else ""
        cells.append((each.severity, f"{each.where}: {each.text}{meant}{people}"))
    yield from table(cells)
    names = ", ".join(f"{len(checked.used[kind])} {kind}" for kind in CATALOGUED if checked.used[kind])
    looked = f"{names or 'no names'}, {'compared with' if checked.target else 'not compared with'} the target"
    if checked.history is None:
        looked += "; history not looked at"
    else:
        looked += f"; {count(checked.history.events, 'event')}, {count(checked.history.people, 'person', 'people')}"
    errors = sum(each.severity == "error" for each in checked.findings)
    others = len(checked.findings) - errors
    found = f"{count(errors, 'error')}, {count(others, 'other finding')}"
    yield f"mapping {checked.mapping.digest}: {found}; {looked}"


def _whole(checked: Checked) -> dict[str, Any]:
    seen = checked.history
    return {
        "mapping": checked.mapping.digest,
        "errors": sum(each.severity == "error" for each in checked.findings),
        "findings": checked.findings,
        "names": {kind: sorted(names) for kind, names in checked.used.items()},
        "target": checked.target,
        "history": None if seen is None else {"events": seen.events, "people": seen.people},
    }
