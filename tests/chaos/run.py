"""The crash run: `python -m tests.chaos.run --seed N --events N --users N --kills N [--json]`.

Workers and sinks are killed (or stopped past their session and woken) at random moments while events stream in and the
simulator injects faults. Afterwards every event must have one fate, every write must have been applied once and in
order, and Genesys must hold what an oracle says. Exit 1 where anything is off.
"""

import argparse
import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack

import aiohttp
import orjson
import uvloop

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.demo.play import held, scoped
from streamproc.demo.processes import stack
from streamproc.settings import load_settings
from tests.chaos.drive import agree, meddle, post, produce, remap, retried, settle, torment
from tests.chaos.history import SCOPE, history
from tests.chaos.judge import explain, judge, replayed
from tests.chaos.plan import FAULTS, GROUPS, UNGUARDED, Findings, Plan, say, surroundings


async def run(plan: Plan) -> Findings:
    """One whole run, in its own Kafka (or an empty one given) and its own simulator."""
    begun = time.monotonic()
    async with AsyncExitStack() as exit_stack:
        bootstrap, folder = await surroundings(plan, exit_stack)
        chosen = {"table_store": plan.store, "data": folder / "data", "request_timeout": 5.0}
        often = {"reconcile_every": 3.0, "reconcile_leavers_every": 1.0}
        settings = load_settings(kafka=bootstrap, **chosen, **UNGUARDED, **often)
        if plan.scope:
            settings = scoped(settings, folder, SCOPE)
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        limit = {"rate_limit": plan.rate_limit, "rate_window_s": 3}
        await post(http, f"{running.simulator}/_sim/config", {"groups": GROUPS, **limit})
        await post(http, f"{running.simulator}/_sim/faults", {"faults": FAULTS, "seed": plan.seed})
        names = [f"worker-{n}" for n in range(plan.workers)] + [f"sink-{n}" for n in range(plan.sinks)]
        names += ["reconcile-0"] * plan.reconcile
        for name in names:
            running.child(name, name.split("-")[0], STREAMPROC_DATA=str(folder / name))
        await asyncio.gather(*(running.children[name].start() for name in names))
        sent = history(plan.seed, plan.events, plan.users)
        findings = Findings(events=len(sent))
        say(f"{len(sent)} events, {plan.kills} kills of each of {', '.join(names)}")
        await asyncio.gather(
            produce(settings, sent, plan.seconds),
            remap(settings, plan),
            meddle(running, http, plan, findings),
            *(torment(running, name, plan, findings, number) for number, name in enumerate(names)),
        )
        say("settling ...")
        records = await settle(settings, running, http, len(sent))
        if await retried(settings, findings):
            records = await settle(settings, running, http, len(sent))
        if plan.reconcile:
            await post(http, f"{running.simulator}/_sim/faults", {"faults": []})
            await agree(running, findings)
        if plan.logs:
            for name in names:
                running.children[name].signal(signal.SIGUSR1)
            await asyncio.sleep(0.5)
        await asyncio.gather(*(running.children[name].stop() for name in names))
        async with http.get(f"{running.simulator}/_sim/ledger") as answer:
            ledger = orjson.loads(await answer.read())["entries"]
        judge(findings, sent, records, ledger, await held(http, running.simulator), scope=plan.scope)
        await replayed(findings, settings)
        explain(findings, plan, running, {"outcomes": records.outcomes, "ledger": ledger})
        findings.seconds = round(time.monotonic() - begun, 1)
        return findings


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    defaults = Plan()
    for name in ("seed", "events", "users", "kills", "workers", "sinks", "rate_limit", "mappings"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="over which the events are spread")
    parser.add_argument(
        "--pause", action="store_true", help="half of the kills are SIGSTOP past the session, then SIGCONT"
    )
    parser.add_argument("--scope", action="store_true", help="one department is out of scope")
    parser.add_argument("--reconcile", action="store_true", help="people edit users by hand, and reconcile looks")
    parser.add_argument("--store", choices=["memory", "rocksdb"], default="memory")
    parser.add_argument(
        "--logs", help="keep the services' logs in this folder, with what they wait for, if the run fails"
    )
    parser.add_argument("--kafka", help="HOST:PORT of an empty cluster instead of the embedded one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sources", action="store_true", help="the events come through gateway and hydrator")
    parser.add_argument("--scim", action="store_true", help="SCIM clients push them, through two gateways")
    given = parser.parse_args()
    as_json, by_sources, by_scim = given.json, given.sources, given.scim
    del given.json, given.sources, given.scim
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        plan = Plan(**vars(given))
        if by_sources:
            from tests.chaos import sources  # which builds on this module

            findings = runner.run(sources.run(plan))
        elif by_scim:
            from tests.chaos import scim  # and so does this

            findings = runner.run(scim.run(plan))
        else:
            findings = runner.run(run(plan))
    shown = {name: getattr(findings, name) for name in Findings.__slots__}
    for name, value in shown.items():
        if name != "details":
            print(f"{name:<18} {value}", file=sys.stderr if as_json else sys.stdout)
    for detail in findings.details[:30]:
        print(f"  {detail}", file=sys.stderr)
    if as_json:
        print(orjson.dumps(shown).decode())
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
