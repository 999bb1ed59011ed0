"""A seeded history of HR events, and an oracle that says where it must end.

The oracle sorts and replays; it knows neither our fold nor our plan nor our mapping file: the rules that it needs are
written out again here.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, tzinfo=UTC)
DEPARTMENTS = ["Care", "Spanish Support", "Billing East", "Sales"]
JOBS = ["Agent", "Senior Agent", "Team Lead", "Clerk"]
QUEUES = [None, "Billing", "Sales"]
LANGUAGES = [None, "English", "Spanish:5", "English:4.5, French"]
OUT = "Sales"
"""The department that isn't in scope, where there is one."""
SCOPE = f"""
[scope]
who = 'department != "{OUT}"'
"""
GROUPS = ["Spanish Queue", "Billing Queue", "Sales Queue", "Supervisors"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One record for events.hris. `event` None: rubbish, to be rejected."""

    subject: str
    value: dict[str, Any] | bytes


def history(seed: int, events: int, users: int) -> list[Sent]:
    """`events` records: hires, changes, leavers and returns, with duplicates, late repeats and rubbish among them."""
    rng = random.Random(seed)
    sent: list[Sent] = []
    genuine: list[Sent] = []
    known: set[str] = set()
    moment = START
    while len(sent) < events:
        chance = rng.random()
        if genuine and chance < 0.05:
            sent.append(genuine[-1])  # delivered twice in a row
        elif genuine and chance < 0.12:
            sent.append(rng.choice(genuine[-400:]))  # an old one again, out of order
        elif chance < 0.13:
            sent.append(Sent(f"U{rng.randrange(users):04}", rng.choice([b"{", b"\x00\x01", b'{"id": 7}', b"[]"])))
        else:
            moment += timedelta(seconds=rng.choice([0, 1, 7]))
            subject = f"U{rng.randrange(users):04}"
            sent.append(Sent(subject, _event(rng, len(sent), subject, moment, fresh=subject not in known)))
            known.add(subject)
            genuine.append(sent[-1])
            if rng.random() < 0.08 and len(genuine) > 2:  # two neighbours arrive in the wrong order
                sent[-1], sent[-2] = sent[-2], sent[-1]
    return sent


def _event(rng: random.Random, number: int, subject: str, moment: datetime, *, fresh: bool) -> dict[str, Any]:
    snapshot = fresh or rng.random() < 0.3
    attributes: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    pieces: dict[str, Any] = {
        "job": rng.choice(JOBS),
        "department": rng.choice(DEPARTMENTS),
        "division": rng.choice(["Care", "Sales"]),
        "phone": rng.choice([None, f"+1317555{rng.randrange(10000):04}"]),
        "active": rng.random() < 0.85,
    }
    queue, language = rng.choice(QUEUES), rng.choice(LANGUAGES)
    if snapshot:
        attributes = pieces | {"userName": f"{subject.lower()}@example.com", "displayName": f"User {subject}"}
        custom = {"genesysQueue": queue, "genesysLanguage": language}
    else:
        name = rng.choice([*pieces, "genesysQueue", "genesysLanguage"])
        if name in pieces:
            attributes = {name: pieces[name]}
        else:
            custom = {name: queue if name == "genesysQueue" else language}
    if custom:
        attributes["custom"] = custom
    return {
        "id": f"h{number}",
        "type": "snapshot" if snapshot else "change",
        "subject": subject,
        "time": moment.isoformat(),
        "attributes": attributes,
    }


def oracle(sent: list[Sent], *, scope: bool = False) -> dict[str, dict[str, Any]]:
    """Where each user must end: sort their distinct events by (time, id), let each overwrite what it mentions.

    `scope`: who ends out of scope has no access, and whoever never was in it isn't there at all.
    """
    events: dict[str, dict[str, dict[str, Any]]] = {}
    for record in sent:
        if isinstance(record.value, dict):
            events.setdefault(record.subject, {})[record.value["id"]] = record.value
    final: dict[str, dict[str, Any]] = {}
    for subject, by_id in events.items():
        facts: dict[str, Any] = {}
        for event in sorted(by_id.values(), key=lambda event: (event["time"], event["id"])):
            attributes = {name: value for name, value in event["attributes"].items() if name != "custom"}
            attributes |= event["attributes"].get("custom", {})
            facts = attributes if event["type"] == "snapshot" else facts | attributes
        final[subject] = expected(facts)
        if scope and facts.get("department") == OUT:
            final[subject]["active"] = False
        departments = {event["attributes"].get("department", OUT) for event in by_id.values()}
        if scope and departments == {OUT}:
            del final[subject]  # nobody of that name may be there
    return final


def expected(facts: dict[str, Any]) -> dict[str, Any]:
    """What the default mapping makes of somebody's facts."""
    department, job, queue = facts.get("department"), facts.get("job") or "", facts.get("genesysQueue")
    skills: dict[str, float] = {queue: 3.0} if queue else {}
    groups = {f"{queue} Queue"} if queue else set()
    languages: dict[str, float] = {}
    for part in (facts.get("genesysLanguage") or "").split(","):
        name, _, level = part.strip().partition(":")
        if name:
            languages[name] = float(level or 3.0)
    if department == "Spanish Support":
        skills["Spanish"] = 4.0
        groups.add("Spanish Queue")
        languages["Spanish"] = max(4.0, languages.get("Spanish", 0.0))
    if department == "Billing East":
        skills["Billing"] = 3.0
    roles = {"employee"}
    if job == "Team Lead":
        roles.add("Supervisor")
        groups.add("Supervisors")
    if "Agent" in job:
        roles.add("Agent")
    return {
        "userName": facts.get("userName"),
        "displayName": facts.get("displayName"),
        "active": facts.get("active"),
        "title": facts.get("job"),
        "phone": facts.get("phone"),
        "department": department,
        "division": facts.get("division"),
        "employeeNumber": None,
        "manager": None,
        "roles": sorted(roles),
        "groups": sorted(groups),
        "skills": skills,
        "languages": languages,
    }


def mismatched(expected: dict[str, dict[str, Any]], held: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Users whose end differs, with what differs. A user who is to be inactive has no other state that matters."""
    wrong: dict[str, str] = {}
    for subject in expected.keys() | held.keys():
        want, have = expected.get(subject), held.get(subject)
        if want is None:
            wrong[subject] = "nobody asked for this user"
        elif want["active"] is not True:
            if have is not None and have["active"] is not False:
                wrong[subject] = "still active"
        elif have is None:
            wrong[subject] = "isn't there"
        else:
            differing = {name: (have[name], want[name]) for name in want if have[name] != want[name]}
            if differing:
                wrong[subject] = str(differing)
    return wrong
