"""Reconcile against differences that are known: `python -m tests.bench.reconcile [--quick] [--json]`.

The real sink, a real Kafka, and the stand-in for Genesys. 10,000 people are delivered; then others make 1,000
differences behind our back, in all ways that there are. One round (`reconcile --once`) has to find each, by its class,
and nothing else: `found`, `missed`, `wrong_class`, `invented`. `seeded_told` are changes of attributes that are theirs
by policy, which nobody is to be told.

Then leavers are revoked, one after the other, by a sink alone, and by the same sink while reconcile compares all
accounts without a pause and the sink repairs what it has found: `revoke_p99_s` and `revoke_p99_s_alone`, in real
seconds. Both processes share one token, whose window is `SCALE` times shorter than a minute. `left_after` are
differences that were to be repaired and weren't; what is only told, and accounts of nobody's, have to be as others left
them (`touched`).
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import uvloop

from streamproc import compose, telemetry
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.reading import read_topic
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.finding import Finding, decode_finding
from streamproc.core.records.topic_names import FINDINGS
from streamproc.embedded import embedded_kafka
from streamproc.reconcile.decide import authors
from streamproc.settings import load_settings
from tests.bench import parser, say, show, size
from tests.bench.cpu import usage
from tests.support.rig import MAPPING_TEXT, Rig, person, rig

SCALE: Final = 20
LIMIT: Final = 300
WINDOW: Final = 60 / SCALE
USERS: Final = size(10_000, 600)
UNIT: Final = size(50, 5)
"""Differences of each kind, or twice as many."""
LEAVERS: Final = size(200, 40)
"""Who leave while it is measured, in each of both halves."""
PAUSE: Final = 0.1
"""Seconds between two of them."""
PATIENCE: Final = 600.0
UNGUARDED: Final = {"STREAMPROC_GUARD_COUNT": str(10**6), "STREAMPROC_GUARD_DAY_COUNT": str(10**6)}
"""The mass guard isn't asked about here."""
POLICIES: Final = '\n[policy]\nmobile = "observe"\nskills = "seed"\n'
MAPPING: Final = parse_mapping(MAPPING_TEXT.replace("# mobile =", "mobile =", 1) + POLICIES)

Found = dict[str, Any]
Class = tuple[str, str]
"""Kind and policy."""


@dataclass
class Behind:
    """What others did behind our back. `truth`: key of a finding and attribute → class."""

    truth: dict[tuple[str, str], Class] = field(default_factory=dict)
    decoys: set[str] = field(default_factory=set)
    """Users of whom something was changed that is theirs."""
    orphans: list[str] = field(default_factory=list)
    """Ids of accounts of nobody's."""


async def company(made: Rig) -> list[str]:
    """Everybody is delivered; some have left again. Those with a mobile number had an account before."""
    users = [f"U{number:05}" for number in range(USERS)]
    hired = {user: _facts(number, user) for number, user in enumerate(users)}
    before = [_account(user, mobile=facts["mobile"]) for user, facts in hired.items() if "mobile" in facts]
    await made.sim("POST", "users", {"users": before})
    async with made.sink(guard_count=10**6, guard_day_count=10**6):
        begun = time.monotonic()
        await made.all_told([(user, await made.say(user, **facts)) for user, facts in hired.items()], PATIENCE)
        left = users[-6 * UNIT :]
        await made.all_told([(user, await made.say(user, active=False)) for user in left], PATIENCE)
        say(f"{USERS} users are there after {time.monotonic() - begun:.0f} s, {len(left)} of them left")
    return users


def _facts(number: int, user: str) -> dict[str, Any]:
    facts = person(user, department=f"Floor {number % 7}")
    if number % 20 == 0:
        facts["genesysQueue"] = "Billing"
    if number % 50 == 1 or number < 4 * UNIT:
        facts["mobile"] = f"+1317556{number:04}"
    return facts


def _account(user: str, **more: Any) -> dict[str, Any]:
    numbers = [{"value": each, "type": name} for name, each in more.items()]
    named = {"userName": f"{user.lower()}@example.com", "displayName": f"Person {user}", "externalId": user}
    return {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **named, "phoneNumbers": numbers}


async def behind_our_back(made: Rig, users: list[str]) -> Behind:
    """Others change accounts. Who gave a role isn't found by this stand-in's audit log."""
    await made.sim("POST", "config", {"role_audits": "PeoplePermissions"})
    done, chance = Behind(), random.Random(16)
    present, left = users[: -6 * UNIT], users[-6 * UNIT :]
    mobile = [user for number, user in enumerate(present) if "mobile" in _facts(number, user)]
    queued = [user for number, user in enumerate(present) if number % 20 == 0]
    taken: set[str] = set()

    def some(of: list[str], count: int) -> list[str]:
        chosen = chance.sample([user for user in of if user not in taken], count)
        taken.update(chosen)
        return chosen

    for attribute, changes, of, count in (
        ("title", {"title": "Theirs"}, present, 2 * UNIT),
        ("department", {"department": "Theirs"}, present, 2 * UNIT),
        ("roles", {"roles": [{"value": "Supervisor"}]}, present, UNIT),
        ("active", {"active": False}, present, 2 * UNIT),
        ("active", {"active": True}, left, 2 * UNIT),
        ("mobile", {"phoneNumbers": [{"value": "+13175550000", "type": "mobile"}]}, mobile, 2 * UNIT),
    ):
        for user in some(of, count):
            await made.sim("POST", "edit", {"user": user, "changes": changes})
            kind = "unknown" if attribute == "roles" else "changed"
            done.truth[user, attribute] = (kind, "observe" if attribute == "mobile" else "own")
    for user in some(queued, UNIT):
        await made.sim("POST", "edit", {"user": user, "changes": {"routingSkills": [{"name": "Sales"}]}})
        done.decoys.add(user)
    out = some(queued, 2 * UNIT)
    await made.sim("POST", "members", {"group": "Billing Queue", "remove": out})
    done.truth |= {(user, "group Billing Queue"): ("changed", "own") for user in out}
    for user in some(present, 2 * UNIT):
        await made.sim("POST", "edit", {"user": user, "changes": {"state": "deleted"}})
        done.truth[user, "account"] = ("missing", "own")
    strangers = [{**_account(f"X{number:05}"), "externalId": None} for number in range(2 * UNIT)]
    strangers += [_account(f"Y{number:05}") for number in range(UNIT)]
    done.orphans = (await made.sim("POST", "users", {"users": [_valued(each) for each in strangers]}))["ids"]
    done.truth |= {(f"account/{each}", "account"): ("orphan", "own") for each in done.orphans}
    for user in some(present, 2 * UNIT):
        await made.say(user, department="Ours")
        done.truth[user, "department"] = ("pending", "own")
    await made.producer.flush()
    return done


def _valued(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def judged(done: Behind, told: list[Finding]) -> Found:
    """How what was told compares with what was done."""
    said = {(finding.key, each.attribute): (each.kind, each.policy) for finding in told for each in finding.differences}
    wrong = Counter(
        f"{done.truth[key][0]} as {given[0]}" for key, given in said.items() if done.truth.get(key, given) != given
    )
    for line, count in sorted(wrong.items()):
        say(f"  {line}: {count}")
    invented = said.keys() - done.truth.keys()
    for key in sorted(invented)[:5]:
        say(f"  invented: {key} {said[key]}")
    for key in sorted(done.truth.keys() - said.keys())[:5]:
        say(f"  missed: {key} {done.truth[key]}")
    incidents = {finding.user for finding in told if finding.incident}
    reactivated = {
        user for user, attribute in done.truth if attribute == "active" and user[1:] >= f"{USERS - 6 * UNIT:05}"
    }
    return {
        "seeded": len(done.truth),
        "found": len(done.truth.keys() & said.keys()),
        "missed": len(done.truth.keys() - said.keys()),
        "wrong_class": wrong.total(),
        "invented": len(invented),
        "seeded_told": len({user for user, _ in invented} & done.decoys),
        "incidents": len(incidents & reactivated),
        "incidents_wrong": len(incidents ^ reactivated),
    }


async def one_round(made: Rig, done: Behind) -> Found:
    """`reconcile --once`, with nobody else at work."""
    with patch.object(authors, "RECENT", 0):  # else what was written a minute before may still be on its way
        summary = await compose.reconcile_once(made.settings, None, say)
    assert summary is not None
    return judged(done, summary.disagreements) | {
        "round_requests": summary.requests,
        "requests_per_1000_users": round(summary.requests / USERS * 1000, 1),
        "round_s": summary.seconds,
    }


async def leaving(made: Rig, users: list[str]) -> list[float]:
    """Somebody leaves every now and then. Seconds from each event to the read-back."""
    seqs = []
    for user in users:
        seqs.append((user, await made.say(user, active=False)))
        await asyncio.sleep(PAUSE)
    await made.all_told(seqs, PATIENCE)
    fates = [made.fates[each] for each in seqs]
    assert {each["verdict"] for each in fates} == {"revoked"}, Counter(each["verdict"] for each in fates)
    return sorted((each["read_back"] - each["cause"]["origin"]["appended"]) / 1000 for each in fates)


async def side_by_side(made: Rig, users: list[str], done: Behind) -> Found:
    """Leavers, alone and beside reconcile."""
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
    async with made.http.post(f"{made.simulator}/oauth/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    touched = {user for user, _ in done.truth} | done.decoys
    present = [user for user in users[: -6 * UNIT] if user not in touched]
    first, second = present[:LEAVERS], present[LEAVERS : 2 * LEAVERS]
    await made.sim("POST", "config", {"rate_limit": LIMIT, "rate_window_s": WINDOW})
    sink = made.stack.child("sink", "sink", STREAMPROC_TOKEN=token, **UNGUARDED)
    compared = made.stack.child("reconcile", "reconcile", STREAMPROC_TOKEN=token, STREAMPROC_RECONCILE_EVERY="0.001")
    await sink.start()
    held_back = [user for user, attribute in done.truth if done.truth[user, attribute][0] == "pending"]
    await made.until(lambda: {*held_back} <= {user for user, _ in made.fates}, PATIENCE)
    alone = await leaving(made, first)
    begun = time.monotonic()
    await compared.start()
    beside = await leaving(made, second)
    left = await repaired(made, begun)
    took = time.monotonic() - begun
    found = {
        "revoke_p50_s_alone": _share(alone, 0.5),
        "revoke_p99_s_alone": _share(alone, 0.99),
        "revoke_p50_s": _share(beside, 0.5),
        "revoke_p99_s": _share(beside, 0.99),
        "revoke_p99_ratio": round(_share(beside, 0.99) / _share(alone, 0.99), 2),
        "left_after": left,
        "repaired_after_s": round(took, 1),
        "touched": await touched_by_us(made, done),
        "429": (await made.sim("GET", "requests"))["by_status"].get("429", 0),
    }
    await asyncio.gather(sink.stop(), compared.stop())
    return found


async def repaired(made: Rig, begun: float) -> int:
    """Wait until nothing is left to repair. Returns how much is, if it isn't over in time."""
    log, left = KafkaLog(made.settings.kafka), -1
    while time.monotonic() < begun + PATIENCE:
        newest = {each.key: each async for _, each in read_topic(log, FINDINGS, decode_finding) if each is not None}
        left = sum(
            each.policy == "own" and each.kind != "orphan" for one in newest.values() for each in one.differences
        )
        if left == 0:
            break
        await asyncio.sleep(1)
    return left


async def touched_by_us(made: Rig, done: Behind) -> int:
    """Accounts of nobody's, and attributes that are theirs or only observed, that aren't as others made them."""
    users = {each["id"]: each for each in await made.sim("GET", "users")}
    ours = {each["externalId"]: each for each in users.values() if each.get("externalId")}
    touched = sum(not users[each]["active"] for each in done.orphans)
    for user, attribute in done.truth:
        if attribute == "mobile":
            touched += "+13175550000" not in [each["value"] for each in ours[user]["phoneNumbers"]]
    for user in done.decoys:
        skills = ours[user]["urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"]["routingSkills"]
        touched += [each["name"] for each in skills] != ["Sales"]
    return touched


def _share(values: list[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(len(values) * share))], 3)


async def measure() -> Found:
    """Both halves, in one run."""
    async with embedded_kafka(progress=say) as broker:
        settings = load_settings(kafka=broker.bootstrap, log_level="error")
        await ensure_topics(settings.kafka)
        begun = usage(broker.pid)
        with tempfile.TemporaryDirectory() as folder:
            async with rig(settings, Path(folder)) as made:
                made.mapping = MAPPING
                users = await company(made)
                done = await behind_our_back(made, users)
                found = {"users": USERS} | await one_round(made, done)
                found |= await side_by_side(made, users, done)
        return found | (usage(broker.pid) - begun).row()


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    telemetry.configure("critical", json=False, service="bench")  # incidents are errors, and there are many
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("reconcile", runner.run(measure()), json=options.json)


if __name__ == "__main__":
    main()
