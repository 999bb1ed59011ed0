"""The crash run of the front door: `python -m tests.chaos.run --scim --seed N --events N --users N --kills N`.

SCIM clients write the same users and groups through two gateways at once, over connections that are lost before a
request arrives, or its answer. The gateways are killed, and stopped for seconds; so are worker and sink, where there
are any (`--workers 0`). Afterwards one order of all requests must explain every answer (`scim_judge.py`), both gateways
must show what the log says, also one that has nothing but the log, and the target must hold what clients wished.
"""

import asyncio
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp
import orjson

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.demo.play import held
from streamproc.demo.processes import Child, Stack, stack
from streamproc.settings import Settings, load_settings
from tests.chaos.drive import SETTLE_SECONDS, post, retried, settle, start_again, torment
from tests.chaos.judge import check_fates, check_writes, explain, replayed
from tests.chaos.lossy_proxy import LossyProxy, opened
from tests.chaos.plan import FAULTS, GROUPS, UNGUARDED, Findings, Plan, Records, say, surroundings
from tests.chaos.scim_clients import ROOT, Crowd
from tests.chaos.scim_judge import ADDED, Request, violations
from tests.chaos.scim_model import Model, Record, Resource
from tests.kafka.test_pipeline import read
from tests.support.scim_process import definition, order

TOPIC: Final = "events.scim"
CONNECTIONS: Final = ("okta", "entra")
DELIVERED: Final = "entra"
"""Its deactivations are answered when it is known what became of them."""
CLIENTS: Final = 6
"""Of each connection."""
GATEWAYS: Final = ("gateway-0", "gateway-1")
COMPARED: Final = ("active", "userName", "title", "displayName")


async def run(plan: Plan) -> Findings:
    """One whole run, in its own Kafka (or an empty one given) and its own simulator."""
    begun = time.monotonic()
    async with AsyncExitStack() as exit_stack:
        bootstrap, folder = await surroundings(plan, exit_stack)
        settings = load_settings(kafka=bootstrap, data=folder / "data", request_timeout=5.0, **UNGUARDED)
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        await post(http, f"{running.simulator}/_sim/config", {"groups": GROUPS})
        await post(http, f"{running.simulator}/_sim/faults", {"faults": FAULTS, "seed": plan.seed})
        for number, name in enumerate(CONNECTIONS):
            waits = name == DELIVERED
            made = definition(name, f"token-{name}", partition=number, anchor="externalId", delivered=waits)
            await order(settings, made)
        services = [f"worker-{n}" for n in range(plan.workers)] + [f"sink-{n}" for n in range(plan.sinks)]
        for name in services:
            running.child(name, name.split("-")[0], STREAMPROC_DATA=str(folder / name))
        ports = await asyncio.gather(
            *(_opened(running, name) for name in GATEWAYS), *(running.children[name].start() for name in services)
        )
        ways = [
            await exit_stack.enter_async_context(
                opened(LossyProxy(random.Random(plan.seed * 10 + number), 0.02, 0.05, 0.1, port=int(ports[number])))
            )
            for number in range(len(GATEWAYS))
        ]
        findings = Findings(events=plan.events)
        lossy = await exit_stack.enter_async_context(aiohttp.ClientSession())
        lossy._retry_connection = False  # else aiohttp sends what may be sent twice again, and tells nobody
        crowds = [Crowd(name, f"token-{name}", ways, plan.users) for name in CONNECTIONS]
        say(f"{plan.events} requests, {plan.kills} kills or stops of each of {', '.join([*GATEWAYS, *services])}")
        await asyncio.gather(
            *(
                crowd.client(lossy, random.Random(f"{plan.seed} {crowd.connection} {number}"), each, plan.seconds)
                for crowd in crowds
                for number in range(CLIENTS)
                for each in [plan.events // (len(CONNECTIONS) * CLIENTS)]
            ),
            *(_trouble(running.children[name], name, plan, findings) for name in GATEWAYS),
            *(torment(running, name, plan, findings, number) for number, name in enumerate(services)),
        )
        say(f"{sum(way.lost for way in ways)} pieces were lost; judging ...")
        log = (await read(settings, TOPIC))[TOPIC]
        events = [Record(each.partition, each.offset, orjson.loads(each.value)) for each in log]
        models = {name: Model(name, events) for name in CONNECTIONS}
        for crowd in crowds:
            _found(findings, violations(models[crowd.connection], crowd.requests))
            told = Counter(f"{each.status or 'lost'} {each.delivery or ''}".strip() for each in crowd.requests)
            findings.answers = dict(sorted((Counter(findings.answers) + told).items()))
        await _same_everywhere(running, http, models, findings)
        records: Records | None = None
        if services:
            records = await _pipeline(running, http, models, findings)
            for crowd in crowds:
                _found(findings, _unconfirmed(models[crowd.connection], crowd.requests, records))
        outcomes = [] if records is None else records.outcomes
        dossier = {"requests": [each for crowd in crowds for each in crowd.requests], "outcomes": outcomes}
        explain(findings, plan, running, dossier)
        findings.seconds = round(time.monotonic() - begun, 1)
        return findings


async def _opened(running: Stack, name: str) -> str:
    """A gateway, which keeps its port from now on. Returns it."""
    state = running.folder / f"state-{name}"
    child = running.child(name, "gateway", STREAMPROC_GATEWAY_SCIM_STATE=str(state), STREAMPROC_GATEWAY_PORT="0")
    port = await child.start()
    child.environment["STREAMPROC_GATEWAY_PORT"] = port
    return port


async def _trouble(child: Child, name: str, plan: Plan, findings: Findings) -> None:
    """Kill, or stop for a while, and bring back."""
    rng = random.Random(f"{plan.seed} {name}")
    for _ in range(plan.kills):
        await asyncio.sleep(rng.uniform(0.3, 1.7) * plan.seconds / (plan.kills + 1))
        if rng.random() < 0.4:
            child.signal(signal.SIGSTOP)
            await asyncio.sleep(rng.uniform(0.5, 4.0))
            child.signal(signal.SIGCONT)
            findings.pauses += 1
            continue
        await child.kill()
        findings.kills += 1
        await asyncio.sleep(rng.choice([0.0, 0.0, 2.0]))
        await start_again(child)


async def _same_everywhere(
    running: Stack, http: aiohttp.ClientSession, models: dict[str, Model], findings: Findings
) -> None:
    """Each gateway shows what the log says; so does one whose state was thrown away."""
    first = running.children[GATEWAYS[0]]
    for anew in (False, True):
        if anew:
            await first.stop()
            shutil.rmtree(first.environment["STREAMPROC_GATEWAY_SCIM_STATE"])
            await start_again(first)
        for name in GATEWAYS:
            url = f"http://127.0.0.1:{running.children[name].environment['STREAMPROC_GATEWAY_PORT']}{ROOT}"
            for connection, model in models.items():
                shown = await _shown(http, url, f"token-{connection}")
                expected = {id_: _as_shown(each) for id_, each in model.now.items()}
                differ = [id_ for id_ in shown.keys() | expected.keys() if shown.get(id_) != expected.get(id_)]
                again = " anew" if anew else ""
                _found(findings, [f"{name}{again} shows another {id_} than the log says" for id_ in differ])


async def _shown(http: aiohttp.ClientSession, url: str, token: str) -> dict[str, Any]:
    """All resources that a connection has at a gateway, as soon as it serves."""
    found: dict[str, Any] = {}
    deadline = time.monotonic() + SETTLE_SECONDS
    for kind in ("Users", "Groups"):
        while True:
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"{url}/{kind}?startIndex={1}&count=1000", headers=headers) as answer:
                body = orjson.loads(await answer.read())
            if answer.status == 200:
                break
            assert answer.status in {429, 503}, body
            assert time.monotonic() < deadline, "it isn't served again"
            await asyncio.sleep(0.2)
        assert body["totalResults"] == len(body["Resources"]), "more than a page"
        for each in body["Resources"]:
            attributes = {name: value for name, value in each.items() if name not in ADDED}
            members = sorted(member["value"] for member in each.get("members", ()))
            found[each["id"]] = each["meta"]["version"], attributes, members
    return found


def _as_shown(resource: Resource) -> Any:
    return f'W/"{resource.version}"', dict(resource.attributes), sorted(resource.members)


async def _pipeline(
    running: Stack, http: aiohttp.ClientSession, models: dict[str, Model], findings: Findings
) -> Records:
    """What clients wished has a fate, was written once and in order, is there in the target, and can be replayed."""
    say("settling ...")
    settings = running.settings
    records = await _arrived(settings, running, http, models, findings)
    if await retried(settings, findings):
        records = await settle(settings, running, http, 0)
    await asyncio.gather(
        *(running.children[name].stop() for name in running.children if name.startswith(("worker", "sink")))
    )
    async with http.get(f"{running.simulator}/_sim/ledger") as answer:
        ledger = orjson.loads(await answer.read())["entries"]
    check_fates(findings, records)
    check_writes(findings, records, ledger)
    there = await held(http, running.simulator)
    wrong = {name: what for model in models.values() for name, what in _mismatched(model, there)}
    findings.mismatched_users = len(wrong)
    findings.details += [f"{name}: {what}" for name, what in sorted(wrong.items())[:10]]
    await replayed(findings, settings)
    return records


async def _arrived(
    settings: Settings, running: Stack, http: aiohttp.ClientSession, models: dict[str, Model], findings: Findings
) -> Records:
    """The log, when all that clients wrote about somebody with an anchor is in it; waits for that."""
    deadline = time.monotonic() + SETTLE_SECONDS
    wanted = {event for name, model in models.items() for event in _events(name, model)}
    while True:
        records = await settle(settings, running, http, 0)
        events = Counter((each["subject"], each["event"]) for each in records.changes.values())
        lost = [each for each in wanted if not events[each]]
        if not lost or time.monotonic() > deadline:
            break
        say(f"  {len(lost)} of {len(wanted)} writes haven't arrived")
        await asyncio.sleep(1)
    findings.lost = len(lost)
    findings.repeats = sum(count - 1 for each, count in events.items() if each in wanted and count)
    findings.details += [f"lost: {each}" for each in sorted(lost)[:5]]
    findings.details += [f"twice: {each}" for each, count in events.items() if each in wanted and count > 1][:5]
    return records


def _events(connection: str, model: Model) -> set[tuple[str, str]]:
    """Subject and event of each write that says something of somebody."""
    return {
        (f"{connection}/{who.id}", f"{each.record.offset}/0")
        for counted in model.counted.values()
        for each in counted
        if (who := each.after or each.before) is not None
        if _anchor(who) and each.record.value["change"] != "none"
    }


def _mismatched(model: Model, there: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Those whom the target has otherwise than clients left them. Of who is out nothing else matters."""
    anchors = {name for past in model.resources.values() for each in past.states if (name := _anchor(each))}
    now = {name: each.attributes for each in model.now.values() if (name := _anchor(each))}
    wrong = []
    for anchor in sorted(anchors):
        wish, have = now.get(anchor, {}), there.get(anchor)
        if wish.get("active") is not True:
            if have is not None and have["active"] is not False:
                wrong.append((anchor, "still active"))
        elif have is None:
            wrong.append((anchor, "isn't there"))
        elif differ := [name for name in COMPARED if have[name] != wish.get(name)]:
            wrong.append((anchor, str({name: (have[name], wish.get(name)) for name in differ})))
    return wrong


def _unconfirmed(model: Model, requests: list[Request], records: Records) -> list[str]:
    """Deactivations that were called revoked, where the target hadn't said so by the time of their fate: the event's
    own, or, where another one took its place, that one's.
    """
    told: dict[tuple[str, str], int] = {}
    fates: dict[str, list[tuple[int, bool]]] = {}
    active: dict[str, bool] = {}
    for outcome in records.outcomes:
        user, cause = outcome["user"], outcome["cause"] or {}
        for request in outcome["requests"]:
            active[user] = (request["holds"] or {}).get("active", active.get(user, False))
        if outcome["final"] and cause.get("source") == "scim":
            told[user, cause["event"]] = outcome["seq"]
        if outcome["final"] and outcome["verdict"] != "superseded":
            fates.setdefault(user, []).append((outcome["seq"], not active.get(user, False)))
    wrong = []
    for asked in requests:
        counted = model.counted.get(asked.agent, [])
        if asked.delivery == "revoked" and counted and counted[-1].record.value["change"] != "none":
            user = _anchor(counted[-1].before)
            seq = told.get((user, f"{counted[-1].record.offset}/0"))
            fate = next((out for at, out in fates.get(user, ()) if seq is not None and at >= seq), None)
            if not fate:
                wrong.append(f"{asked.number} {asked.path} was called revoked, and has access: {seq}")
    return wrong


def _anchor(resource: Resource | None) -> str:
    """Of whom it is an account; empty: of nobody."""
    return "" if resource is None else str(resource.attributes.get("externalId", ""))


def _found(findings: Findings, wrong: list[str]) -> None:
    findings.violations += len(wrong)
    findings.details += wrong[:10]
