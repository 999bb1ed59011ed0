"""Operators' commands about the mapping. An order needs a name and a reason, which are logged with the whole file."""

import asyncio
import sys
from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from streamproc.adapters.kafka import reading, topics
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.adapters.kafka.trouble import told
from streamproc.cli.doctor import shown
from streamproc.cli.history_source import HistorySource
from streamproc.cli.mapping_check import check, read
from streamproc.cli.mapping_whatif import scope_counts, whatif
from streamproc.cli.operator_order import BY, REASON, now_ms
from streamproc.cli.options import JSON, KAFKA, say
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose import KafkaLog
from streamproc.compose.doctor import mapping_part
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, unheard_partitions
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import CHANGES, CONTROLS, MAPPINGS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.run import ordered_now
from streamproc.operators.controls import order
from streamproc.operators.mapping_rollout import Refused, Switch, objection, ordered, watch
from streamproc.rights import operator
from streamproc.settings import Settings, load_settings

PATIENCE: Final = 120.0
"""Seconds without a switch of any partition, after which no worker seems to run."""


@click.group()
def mapping() -> None:
    """Which facts become which attributes, roles, groups, skills and languages: bring another mapping into force."""


@mapping.command(epilog='Example: streamproc mapping apply new.toml --by "Kim Berg" --reason "Spanish queue, CHG-4711"')
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@BY
@REASON
@click.option("--enters", metavar="N", type=click.IntRange(0), help="Users who enter the scope, as `whatif` tells.")
@click.option("--leaves", metavar="N", type=click.IntRange(0), help="Users who leave the scope, as `whatif` tells.")
@click.option("--suspends", metavar="N", type=click.IntRange(0), help="Users who are suspended, as `whatif` tells.")
@click.option(
    "--doctor/--no-doctor",
    default=True,
    show_default=True,
    help="Ask Genesys Cloud first for names and permissions that it needs; none is ordered where something is missing.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until it is in force in every partition.")
@KAFKA
@JSON
def apply(
    file: Path,
    by: str,
    reason: str,
    enters: int | None,
    leaves: int | None,
    suspends: int | None,
    doctor: bool,
    wait: bool,
    kafka: str | None,
    as_json: bool,
) -> None:
    """Bring FILE into force: each partition switches at one offset of the log, and plans its users anew.

    Where more users than a few would enter or leave the scope, or be suspended, their number has to be named.
    """
    text, parsed = read(file)
    settings = load_settings(kafka=kafka)
    at = now_ms()
    control = Control(f"mapping-{parsed.digest}-{at}", "mapping", None, None, by, reason, at, mapping=text)
    named = {"enter": enters, "leave": leaves, "suspend": suspends}
    if doctor:
        _ask_doctor(settings, parsed)
    asyncio.run(_apply(settings, parsed, control, named, wait=wait, as_json=as_json))


def _ask_doctor(settings: Settings, parsed: Mapping) -> None:
    """Refuse a mapping that the target can't carry out as it is. What couldn't be looked at is said, and no more."""
    lines = [line for line in asyncio.run(mapping_part(settings, parsed)) if line.severity != "ok"]
    put_lines(shown(lines), err=True)
    if any(line.severity == "error" and line.part != "target" for line in lines):
        _refuse("nothing was ordered: see what the doctor found, or leave it out with --no-doctor")


async def _apply(
    settings: Settings,
    parsed: Mapping,
    control: Control,
    named: MappingABC[str, int | None],
    *,
    wait: bool,
    as_json: bool,
) -> None:
    needed = operator(reads=(CONTROLS, MAPPINGS, REJECTIONS, CHANGES), writes=(CONTROLS,))
    await topics.ensure_topics(settings.kafka, needed)
    kafka = KafkaLog(settings.kafka)
    async with told(settings.kafka, needed):
        before = await ordered(kafka)
        known = await _check(kafka, parsed, before)
        if any(_has_scope(each) for each in (parsed, *known)):
            await _count(settings, control, named)
        async with watch(kafka) as watching:
            (origin,) = await order(kafka, [control])
            say(f"ordered: mapping {parsed.digest}, {_at(origin)}")
            switches: list[Switch] = []
            if wait:
                try:
                    async for switch in watching.switches(origin, parsed.digest, before, PATIENCE):
                        if isinstance(switch, Refused):
                            _refuse(f"the worker has rejected the order at {_at(origin)}: {switch.reason}")
                        switches.append(switch)
                        _progress(switches, kafka.partitions)
                except TimeoutError:
                    left = sorted({*range(kafka.partitions)} - {switch.partition for switch in switches})
                    _refuse(
                        f"ordered at {_at(origin)}, but for {PATIENCE:g} s no partition has switched; "
                        f"left are {', '.join(map(str, left))}. Is a worker running? It obeys as soon as it reads it."
                    )
    _print(parsed, origin, sorted(switches, key=lambda switch: switch.partition), as_json=as_json)


async def _check(kafka: Log, parsed: Mapping, before: list[tuple[int, str]]) -> list[Mapping]:
    """Refuse an order that would change nothing, or that can't be carried out. Returns the mappings in force."""
    known = await in_force(kafka)
    everywhere = len(known) == kafka.partitions and all(rules.digest == parsed.digest for rules in known.values())
    if everywhere and (not before or before[-1][1] == parsed.digest):
        _refuse(f"nothing was ordered: mapping {parsed.digest} is in force already, in every partition")
    if unheard := unheard_partitions(parsed, known, await reading.beginning_offsets(kafka, CHANGES)):
        _refuse(
            f"nothing was ordered: this mapping reads other facts than the one in force, and what was said of them "
            f"is gone: {CHANGES} has lost its first records in partition {', '.join(map(str, unheard))}"
        )
    return [compiled(rules.digest, rules.text) for rules in known.values()]


def _has_scope(parsed: Mapping) -> bool:
    return parsed.file.scope is not None or parsed.file.suspend is not None


async def _count(settings: Settings, control: Control, named: MappingABC[str, int | None]) -> None:
    """Refuse an order by which more users come and go than are few, unless their number is named."""
    assert control.mapping is not None
    say("counting who would enter and leave the scope ...")
    async with HistorySource(kafka=settings.kafka.bootstrap_servers).history([CHANGES]) as history:
        asked = control.mapping, "mapping", settings.worker.mapping_text(), Millis(control.at)
        impact = await asyncio.to_thread(ordered_now, history, *asked, say)
    counts = scope_counts(impact)
    told = ", ".join(f"{users} {name.replace('_', ' ')}" for name, users in counts.items())
    say(f"users: {told}")
    if (why := objection(counts, named)) is not None:
        _refuse(f"nothing was ordered: {why}; streamproc mapping whatif tells who they are")


def _progress(switches: list[Switch], partitions: int) -> None:
    last = switches[-1]
    say(f"  {len(switches)} of {partitions} partitions: {last.partition} at offset {last.rules.seq}")


def _print(parsed: Mapping, origin: Origin, switches: list[Switch], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "partition": switch.partition,
            "offset": switch.rules.seq,
            "mapping": switch.rules.digest,
            "users": switch.users,
            "changed": switch.changed,
        }
        for switch in switches
    ]
    if as_json:
        where = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
        put_json({"mapping": parsed.digest, "order": where, "partitions": rows})
        return
    cells = [
        (
            f"{CHANGES}/{row['partition']}",
            f"from offset {row['offset']}",
            f"mapping {row['mapping']}",
            f"{row['users']} users planned anew, {row['changed']} of them changed",
        )
        for row in rows
    ]
    put_lines(table(cells))
    if rows:
        users, changed = (sum(row[name] for row in rows) for name in ("users", "changed"))
        put(f"in force in all partitions; {users} users, {changed} of them changed")


def _at(origin: Origin) -> str:
    return f"{origin.topic}/{origin.partition} offset {origin.offset}"


def _refuse(why: str, code: int = 1) -> NoReturn:
    complain(why)
    sys.exit(code)


mapping.add_command(check)
mapping.add_command(whatif)
