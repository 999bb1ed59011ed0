"""As of, against the target's own ledger: what we say was acknowledged is what it had applied and we could know."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from click.testing import CliRunner

from streamproc.archive.history import opened
from streamproc.audit.asof.answer import AsOf, as_object
from streamproc.audit.asof.query import NEEDED, as_of
from streamproc.cli.replay import replay
from streamproc.core.records.stored_record import History, InMemoryHistory
from streamproc.core.records.topic_names import CHANGES, OUTCOMES
from streamproc.demo.expected import holds
from streamproc.demo.processes import stack
from streamproc.settings import Settings
from streamproc.sink.decide.fates import HOLDS
from tests.chaos.drive import post, produce, settle
from tests.chaos.history import history
from tests.chaos.plan import FAULTS, GROUPS, UNGUARDED

EVENTS, USERS, INSTANTS, SECONDS = 300, 30, 100, 8.0
LATENCY = 3
"""ms before the target decides: so the clock tells whether that was before another answer had come."""


@dataclass(slots=True)
class Write:
    """A write that the target has applied to one user. `at`: ms since 1970, and what the user was then."""

    id: str
    at: float
    after: dict[str, Any]
    told: int | None = None
    """When we had its answer."""


@dataclass(slots=True)
class Ledger:
    """What the target did, user by user, and when our own log says that we were told: by answers, and by reads.

    It doesn't look at what our log says that the target holds.
    """

    writes: dict[str, list[Write]] = field(default_factory=dict)
    reads: dict[str, list[int]] = field(default_factory=dict)
    thinned: set[str] = field(default_factory=set)
    """Writes of which a long turn doesn't tell what the target holds since: of so many it tells it now and then."""

    @classmethod
    def of(cls, entries: list[dict[str, Any]], groups: dict[str, str], outcomes: list[dict[str, Any]]) -> "Ledger":
        made = cls()
        answered: dict[str, int] = {}
        for outcome in outcomes:
            writes = [
                each for each in outcome["requests"] if each["method"] != "GET" and each["status"] in range(200, 300)
            ]
            if len(writes) > HOLDS:
                made.thinned |= {write["id"] for write in writes if write["holds"] is None}
            for request in outcome["requests"]:
                if request["status"] is None or not 200 <= request["status"] < 300:
                    continue
                if request["method"] != "GET":
                    answered[request["id"]] = request["answered"]
                elif request["path"].startswith("/Users/"):
                    made.reads.setdefault(outcome["user"], []).append(request["answered"])
        for user, write in _applied(entries, groups):
            write.told = answered.get(write.id)
            made.writes.setdefault(user, []).append(write)
        return made

    def known(self, user: str, moment: int) -> tuple[dict[str, Any] | None, list[Write]]:
        """What we could know by then, and what had been applied beyond it."""
        reads = [answered for answered in self.reads.get(user, []) if answered <= moment]
        state: dict[str, Any] | None = None
        beyond: list[Write] = []
        for write in self.writes.get(user, []):
            if (write.told is not None and write.told <= moment) or any(write.at < answered for answered in reads):
                state, beyond = write.after, []
            elif write.at <= moment:
                beyond.append(write)
        return state, beyond


def _applied(entries: list[dict[str, Any]], groups: dict[str, str]) -> Iterator[tuple[str, Write]]:
    """User and write, in the order in which they were applied. Memberships are the groups' own."""
    users: dict[str, dict[str, Any]] = {}
    members: dict[str, set[str]] = {}
    for entry in entries:
        if not entry["applied"]:
            continue
        if "/Groups/" in entry["path"]:
            now = {each["value"] for each in entry["after"].get("members", [])}
            touched = now ^ members.get(entry["id"], set())
            members[entry["id"]] = now
        else:
            users[entry["id"]] = entry["after"]
            touched = {entry["id"]}
        for each in touched:
            inside = [{"value": group} for group, there in members.items() if each in there]
            after = holds(users[each] | {"groups": inside}, {}, groups)
            yield users[each]["externalId"], Write(entry["request_id"], entry["at"] * 1000, after)


def _said(answer: AsOf) -> dict[str, Any] | None:
    """Our own answer in the ledger's words."""
    if answer.acknowledged.holds is None:
        assert answer.acknowledged.state in {"absent", "never"}
        return None
    held: dict[str, Any] = {**answer.acknowledged.holds}
    shown = {name: held.get(name) for name in holds({}, {}, {})}
    return shown | {name: shown[name] or kind() for name, kind in _EMPTY.items()}


_EMPTY: dict[str, Any] = {"roles": list, "groups": list, "skills": dict, "languages": dict}


@pytest.mark.long
async def test_acknowledged_is_what_the_ledger_says(settings: Settings, tmp_path: Path) -> None:
    """At 100 random moments of a run with faults, for everybody; and one user's answer is their line among all."""
    made = settings.changed(data=tmp_path / "data", request_timeout=5.0, **UNGUARDED)
    async with stack(made, tmp_path) as running, aiohttp.ClientSession() as http:
        await post(http, f"{running.simulator}/_sim/config", {"groups": GROUPS, "latency_ms": LATENCY})
        await post(http, f"{running.simulator}/_sim/faults", {"faults": FAULTS, "seed": 7})
        await running.start("worker", "sink")
        sent = history(7, EVENTS, USERS)
        await produce(running.settings, sent, SECONDS)
        await settle(running.settings, running, http, len(sent))
        async with http.get(f"{running.simulator}/_sim/ledger?snapshots=1") as answer:
            entries = orjson.loads(await answer.read())["entries"]
        async with http.get(f"{running.simulator}/_sim/groups") as answer:
            groups = {each["id"]: each["displayName"] for each in orjson.loads(await answer.read())}
        async with opened(running.settings.kafka, None, topics=NEEDED) as log:
            history_, outcomes, moments = _recalled(log)
        ledger = Ledger.of(entries, groups, outcomes)
        found = _compare(history_, ledger, moments)
        assert found.wrong == []
        assert found.known > INSTANTS  # or nothing was looked at
        assert found.beyond > 0  # the faults were there: something was applied that we couldn't know yet
        await _alone(running.settings, history_, moments[INSTANTS // 2])


@dataclass(slots=True)
class Found:
    """What comparing found."""

    known: int = 0
    beyond: int = 0
    wrong: list[str] = field(default_factory=list)


def _compare(log: History, ledger: Ledger, moments: list[int]) -> Found:
    found = Found()
    for moment in moments:
        answers = {answer.user: answer for answer in as_of(log, moment)}
        for user in ledger.writes.keys() | answers.keys():
            state, beyond = ledger.known(user, moment)
            found.known += state is not None
            found.beyond += len(beyond)
            told = answers[user].acknowledged if user in answers else None
            if told is not None and told.state == "unsaid" and told.request in ledger.thinned:
                continue
            ours = _said(answers[user]) if user in answers else None
            if ours != state:
                found.wrong.append(f"{user} at {moment}: {ours} isn't {state}")
            named = {each.id for each in answers[user].acknowledged.open} if user in answers else set()
            if missing := {write.id for write in beyond} - named:
                found.wrong.append(f"{user} at {moment}: {missing} was sent, and isn't named")
        found.wrong += [f"{each.user}: {each.recorded}" for each in answers.values() if each.recorded == "differs"]
    return found


def _recalled(log: History) -> tuple[InMemoryHistory, list[dict[str, Any]], list[int]]:
    """All of it in memory, its outcomes, and moments from its first event to its last outcome."""
    records = [each for topic in NEEDED for partition in range(log.partitions) for each in log.read(topic, partition)]
    outcomes = [orjson.loads(each.value or b"") for each in records if each.topic == OUTCOMES]
    begin = min(each.timestamp for each in records if each.topic == CHANGES)
    end = max(outcome["at"] for outcome in outcomes)
    rng = random.Random(7)
    return InMemoryHistory(records, log.partitions), outcomes, sorted(rng.randint(begin, end) for _ in range(INSTANTS))


async def _alone(settings: Settings, log: History, moment: int) -> None:
    """The command, on the live topics: everybody's lines, and of some users alone the same."""
    answers = {
        answer.user: orjson.loads(orjson.dumps(as_object(answer))) | {"asked": moment} for answer in as_of(log, moment)
    }
    assert len(answers) > USERS // 2
    command = ["--as-of", str(moment), "--json", "--kafka", settings.kafka.bootstrap_servers]
    everybody = await asyncio.to_thread(CliRunner().invoke, replay, command)
    found = {each["user"]: each for each in map(orjson.loads, everybody.stdout.splitlines())}
    assert (everybody.exit_code, found) == (0, answers)
    for user in sorted(answers)[:3]:
        alone = await asyncio.to_thread(CliRunner().invoke, replay, [*command, "--user", user])
        assert (alone.exit_code, orjson.loads(alone.stdout)) == (0, answers[user])
