"""The judgement of a crash run: one fate an event, each write applied once and in order, and what the log gives."""

import asyncio
import shutil
from collections import Counter
from typing import Any

import orjson

from streamproc.archive.history import opened
from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import NEEDED, verify
from streamproc.demo.processes import Stack
from streamproc.settings import Settings
from tests.chaos.history import Sent, mismatched, oracle
from tests.chaos.plan import Findings, Plan, Records, origin, say


def explain(findings: Findings, plan: Plan, running: Stack, dossier: dict[str, Any]) -> None:
    """After a run that failed: the ends of the services' logs, and all of them where they are to be kept."""
    if findings.good:
        return
    if plan.logs:
        (running.folder / "dossier.json").write_bytes(orjson.dumps(dossier))
        ignored = shutil.ignore_patterns("data", "worker-?")
        shutil.copytree(running.folder, plan.logs, dirs_exist_ok=True, ignore=ignored)
    for name, child in running.children.items():
        tail = child.log.read_text(errors="replace").splitlines()[-20:]
        say(f"--- {name}\n" + "\n".join(tail))


def judge(
    findings: Findings,
    sent: list[Sent],
    records: Records,
    ledger: list[dict[str, Any]],
    held: dict[str, dict[str, Any]],
    *,
    scope: bool,
) -> None:
    """Fill in the counts."""
    arrived = Counter(origin(change["origin"]) for change in records.changes.values())
    refused = {origin(rejected) for rejected in records.rejected if rejected["topic"] == "events.hris"}
    findings.repeats = sum(arrived.values()) - len(arrived)
    findings.lost = len(sent) - len(arrived.keys() | refused)
    check_fates(findings, records)
    check_writes(findings, records, ledger)
    wrong = mismatched(oracle(sent, scope=scope), held)
    findings.mismatched_users = len(wrong)
    findings.details += [f"{subject}: {what}" for subject, what in sorted(wrong.items())[:10]]


def check_fates(findings: Findings, records: Records) -> None:
    """Each change needs exactly one fate; the counts must add up to the changes."""
    seqs: dict[str, list[int]] = {}
    home: dict[str, int] = {}
    for (partition, offset), change in records.changes.items():
        seqs.setdefault(change["user"], []).append(offset)
        home[change["user"]] = partition
    fates: Counter[tuple[str, int]] = Counter()
    for outcome in records.outcomes:
        if not outcome["final"]:
            continue
        user, seq, since = outcome["user"], outcome["seq"], outcome["since"]
        if (home.get(user), seq) in records.mappings and since is None:
            findings.replanned += 1
            continue
        covered = [seq] if since is None else [offset for offset in seqs.get(user, []) if since < offset <= seq]
        for offset in covered:
            fates[user, offset] += 1
            findings.fates[outcome["verdict"]] = findings.fates.get(outcome["verdict"], 0) + 1
    wanted = {(user, seq) for user, offsets in seqs.items() for seq in offsets}
    untold = [fate for fate in wanted if fates[fate] == 0]
    twice = [fate for fate, count in fates.items() if count > 1]
    strange = [fate for fate in fates if fate not in wanted]
    findings.unaccounted = len(untold) + len(twice) + len(strange)
    findings.gaps = sum(outcome["since"] is not None for outcome in records.outcomes)
    findings.details += [f"no fate: {fate}" for fate in sorted(untold)[:5]]
    findings.details += [f"two fates: {fate}" for fate in sorted(twice)[:5]]
    findings.details += [f"fate of nothing: {fate}" for fate in sorted(strange)[:5]]
    findings.fates["rejected"] = len({origin(rejected) for rejected in records.rejected})


def check_writes(findings: Findings, records: Records, ledger: list[dict[str, Any]]) -> None:
    """By the ledger: per user, seqs never fall; nothing was applied twice; no write changed nothing."""
    users = {key: change["user"] for key, change in records.changes.items()}
    asked = {request["id"]: outcome["user"] for outcome in records.outcomes for request in outcome["requests"]}
    last: dict[str, int] = {}
    applied: Counter[str] = Counter()
    created: Counter[str] = Counter()
    for entry in ledger:
        if not entry["applied"]:
            continue
        findings.writes += 1
        partition, seq = (int(part) for part in entry["request_id"].split("-")[:2])
        user = users.get((partition, seq)) or asked.get(entry["request_id"])
        applied[entry["request_id"]] += 1
        if user is None:  # a sink that died had it planned anew: by a mapping, of which many users have a record
            assert (partition, seq) in records.mappings
            continue
        if seq < last.get(user, -1):
            findings.out_of_order += 1
            findings.details.append(f"out of order: {user} {seq} after {last[user]}")
        last[user] = max(seq, last.get(user, -1))
        if entry["method"] == "POST":
            created[user] += 1
        elif not entry["changed"]:
            findings.duplicate_writes += 1
            findings.details.append(f"changed nothing: {user} {entry['request_id']} {entry['path']} {entry['body']}")
    again = [request_id for request_id, count in applied.items() if count > 1] + [
        user for user, n in created.items() if n > 1
    ]
    findings.duplicate_writes += len(again)
    findings.details += [f"applied twice: {request_id}" for request_id in again[:5]]


async def replayed(findings: Findings, settings: Settings) -> None:
    """Fold the log anew, and compare everything with what was recorded."""
    async with opened(settings.kafka, None, topics=NEEDED) as history:
        verdict = await asyncio.to_thread(verify, history, PartitionRequest(), map_partitions)
    findings.divergences = sum(partition.divergences for partition in verdict.partitions)
    if verdict.first is not None:
        findings.details.append(f"replay: {verdict.first.sentence}")
