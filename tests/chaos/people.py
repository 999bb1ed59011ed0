"""A seeded life of people in the four directories, and an oracle that says where each must end.

The oracle reads the directories' own last state; it knows neither our parsers nor our fold nor our mapping file. Whose
word counts is written out again here, and what becomes of it in `history.py`.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.history import DEPARTMENTS, JOBS, LANGUAGES, QUEUES, expected

HOMES = [
    ("okta",), ("graph",), ("pingone",), ("workday",),
    ("workday", "okta"), ("workday", "graph"), ("workday", "pingone"),
]  # fmt: skip
"""In which directories a person lives, by turns: one, or HR and an identity provider under the same employee number."""
SOURCES = {"graph": "entra", "okta": "okta", "pingone": "pingone", "workday": "workday"}
"""Directory → source, in the order in which the sources' words count: that of their names."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change in one directory. `given` None: removed from it; `hired`: new there."""

    directory: str
    number: str
    given: dict[str, Any] | None
    hired: bool = False


def life(seed: int, changes: int, people: int) -> list[Step]:
    """`changes` steps: hires, changes of every kind, leavers, returns, removals and new accounts after those."""
    rng = random.Random(seed)
    there: dict[tuple[str, str], bool] = {}
    """Number and directory → active."""
    steps: list[Step] = []
    while len(steps) < changes:
        person = rng.randrange(people)
        number, homes = f"E{person:04}", HOMES[person % len(HOMES)]
        home = next((directory for directory in homes if (number, directory) not in there), None) or rng.choice(homes)
        account, chance = (number, home), rng.random()
        if account not in there:
            there[account] = True
            steps.append(Step(home, number, _hired(rng, number, home), hired=True))
        elif chance < 0.3:
            there[account] = not there[account]
            steps.append(Step(home, number, _turn(rng, home, active=there[account])))
            if chance < 0.08:  # and at once back
                there[account] = not there[account]
                steps.append(Step(home, number, _turn(rng, home, active=there[account])))
        elif chance < 0.35 and homes in {("okta",), ("graph",), ("pingone",)}:
            del there[account]
            steps.append(Step(home, number, None))
        elif chance < 0.40 and home == "workday":
            ahead = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
            steps.append(Step(home, number, {"effective": ahead, "department": rng.choice(DEPARTMENTS)}))
        else:
            steps.append(Step(home, number, _changed(rng, number, home)))
    return steps[:changes]


def _hired(rng: random.Random, number: str, home: str) -> dict[str, Any]:
    login = f"{number.lower()}@example.com"
    person = {"employeeNumber": number, "userName": login, "email": login, "displayName": f"Person {number}"}
    return person | _pieces(rng, number, home) | {"active": True}


def _pieces(rng: random.Random, number: str, home: str) -> dict[str, Any]:
    pieces: dict[str, Any] = {
        "job": rng.choice(JOBS),
        "department": rng.choice(DEPARTMENTS),
        "division": rng.choice(["Care", "Sales"]),
        "phone": rng.choice([None, f"+1317555{rng.randrange(10000):04}"]),
        "displayName": f"Person {number}{rng.choice(['', ' Junior', ' Senior'])}",
        "groups": rng.choice([[], ["Agents"], ["Agents", "Leads"]]),
    }
    if home != "graph":  # there, custom attributes have a name of each tenant's
        pieces["custom"] = {"genesysQueue": rng.choice(QUEUES), "genesysLanguage": rng.choice(LANGUAGES)}
    return pieces


def _changed(rng: random.Random, number: str, home: str) -> dict[str, Any]:
    pieces = _pieces(rng, number, home)
    return {name: pieces[name] for name in rng.sample(sorted(pieces), rng.choice([1, 1, 2, len(pieces)]))}


def _turn(rng: random.Random, home: str, *, active: bool) -> dict[str, Any]:
    """Workday ends an employment by its dates, or by its status alone."""
    if home != "workday":
        return {"active": active}
    last = None if active or rng.random() < 0.5 else (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    return {"active": active, "lastDay": last, "terminationDate": last}


def oracle(directories: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Where each person must end, from what the directories hold: directory → entries, oldest first.

    In each directory the living account counts. Somebody is active while all directories that ever had them say so;
    every other fact is of the first source, by its name, that has a value for it.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for directory in SOURCES:
        for entry in directories[directory]:
            entries.setdefault(entry["employeeNumber"], {})[directory] = _says(entry)
    final: dict[str, dict[str, Any]] = {}
    for number, by_directory in entries.items():
        facts: dict[str, Any] = {}
        for entry in by_directory.values():
            facts = entry | {name: value for name, value in facts.items() if value is not None}
        facts["active"] = all(entry["active"] for entry in by_directory.values())
        final[number] = expected(facts) | {"employeeNumber": number}
    return final


def _says(entry: dict[str, Any]) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    works = entry["active"] and entry["removed"] is None and (entry.get("lastDay") or today) >= today
    return {**entry, **entry.get("custom", {}), "active": works}
