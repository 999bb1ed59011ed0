"""The demo's fourth act: a supervisor changes in Genesys Cloud what HR says otherwise, and reconcile notices.

An e-mail address goes to and fro until it is frozen, and both parties are named. Meanwhile its owner leaves, and is out
at once; then somebody lets them in again by hand, and they are out again.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.finding import decode_finding
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.shown import moment
from streamproc.demo.play import Ending, Played, play_step, sending
from streamproc.demo.processes import Stack
from streamproc.demo.story import GOES, HIRED, ZOE
from streamproc.operators.loops import FrozenItem, frozen_items

SECONDS: Final = 30.0
SUPERVISOR: Final = "Sue Visor"
EDITS: Final = 5
MOST: Final = 3
"""Writes of ours until it is frozen."""
AT_ONCE: Final = 1000
"""Milliseconds from the event until a leaver is out, whatever is frozen."""
OFTEN: Final = {"STREAMPROC_RECONCILE_EVERY": "0.5", "STREAMPROC_RECONCILE_LEAVERS_EVERY": "0.5"}
"""A demo has no time to wait for; a company looks less often."""
USER: Final = HIRED.subject
OURS: Final = str(ZOE["userName"])
THEIRS: Final = "zoe.by.hand@example.com"


async def play_supervisor(running: Stack, tell: Callable[[Played], None], say: Callable[[str], None]) -> Ending:
    """Play and check. What goes wrong is in the Ending."""
    log = KafkaLog(running.settings.kafka)
    played: list[Played] = []

    def told(step: Played) -> None:
        played.append(step)
        tell(step)

    reconcile = running.child("reconcile", "reconcile", **OFTEN)
    async with aiohttp.ClientSession() as http, sending(log) as (producer, follower):
        root = running.simulator
        await reconcile.start()
        told(await play_step(producer, follower, HIRED))
        before = await _writes(http, root)
        for number in range(1, EDITS + 1):
            told(await _edited(http, log, root, number))
        wrote = await _writes(http, root) - before
        wrong = [] if 0 < wrote <= MOST else [f"the address was written {wrote} times before it was frozen"]
        wrong += _shown(await frozen_items(log), say)
        left = await play_step(producer, follower, GOES)
        late = left.milliseconds is None or left.milliseconds > AT_ONCE
        told(left)
        wrong += [f"Zoe was out after {left.milliseconds} ms"] if late and left.problem is None else []
        told(await _let_in(http, log, root))
    await reconcile.stop()
    return Ending(played, wrong)


def _shown(frozen: list[FrozenItem], say: Callable[[str], None]) -> list[str]:
    """Tell who fights over what. Returns what is wrong with it."""
    cases = [each.case for each in frozen if (each.user, each.item) == (USER, "userName")]
    say(f"{'ok  ' if cases else 'WRONG'} streamproc loops list")
    for case in cases:
        for party in case.parties:
            whose = "HR's word" if party.ours else "by hand"
            say(f"       {USER} {case.item}, {whose}: {party.name}")
            for at, by in zip(party.times, party.by, strict=True):
                say(f"         {moment(at)}  {by}")
    named = [SUPERVISOR in party.name for case in cases for party in case.parties if not party.ours]
    ours = [party for case in cases for party in case.parties if party.ours]
    return [] if named and all(named) and ours else ["the case doesn't name both parties"]


async def _edited(http: aiohttp.ClientSession, log: KafkaLog, root: str, number: int) -> Played:
    """The address is changed by hand; it is put right, or frozen."""
    begun = time.monotonic()
    await _edit(http, root, {"email": THEIRS})
    expected = "put right" if number <= MOST else "frozen"
    fate = "nothing"
    while time.monotonic() < begun + SECONDS and fate == "nothing":
        await asyncio.sleep(0.05)
        if number > MOST and any(each.user == USER for each in await frozen_items(log)):
            fate = "frozen"
        elif (await _zoe(http, root))["userName"] == OURS:
            fate = "put right"
    return _played(f"{SUPERVISOR} changes Zoe's address, time {number}", fate, expected, begun)


async def _let_in(http: aiohttp.ClientSession, log: KafkaLog, root: str) -> Played:
    """Access is given back by hand; it is taken again, and that is an incident."""
    begun = time.monotonic()
    await _edit(http, root, {"state": "active"})
    fate = "nothing"
    while time.monotonic() < begun + SECONDS and fate == "nothing":
        await asyncio.sleep(0.05)
        if (await _zoe(http, root))["active"] is False:
            fate = "revoked"
    step = _played(f"{SUPERVISOR} lets Zoe in again", fate, "revoked", begun)
    if not await _is_told(log):
        return _with_problem(step, "no finding says that it was an incident")
    return step


async def _is_told(log: KafkaLog) -> bool:
    """Whether an incident was found of Zoe. The newest finding may say already that it is over."""
    async for record in reading.records_of(log, FINDINGS):
        if record.key == USER.encode() and decode_finding(record.value or b"").incident:
            return True
    return False


def _played(title: str, fate: str, expected: str, begun: float) -> Played:
    took = round((time.monotonic() - begun) * 1000)
    problem = None if fate == expected else f"ended as {fate}, not {expected}, after {SECONDS:.0f} s"
    return Played(title, USER, fate, expected, took, [], 0, None, problem, "the change by hand")


def _with_problem(step: Played, problem: str) -> Played:
    return Played(step.title, step.subject, step.fate, step.expected, None, [], 0, None, problem, step.since)


async def _edit(http: aiohttp.ClientSession, root: str, changes: dict[str, Any]) -> None:
    edit = {"user": USER, "by": SUPERVISOR, "changes": changes}
    async with http.post(f"{root}/_sim/edit", json=edit) as answer:
        answer.raise_for_status()


async def _zoe(http: aiohttp.ClientSession, root: str) -> dict[str, Any]:
    async with http.get(f"{root}/_sim/users") as answer:
        return next(user for user in await answer.json() if user.get("externalId") == USER)


async def _writes(http: aiohttp.ClientSession, root: str) -> int:
    """How many writes of users the target has carried out."""
    async with http.get(f"{root}/_sim/ledger") as answer:
        return sum(
            write["applied"] and "/users/" in write["path"].lower() for write in (await answer.json())["entries"]
        )
