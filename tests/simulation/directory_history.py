"""The part of a history that happens in a directory which is asked: who comes, changes, may sign in or not, is gone.

What the directory tells of all that, and when, is the stand-in's and the network's: a step only says what is true there
from then on.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

SOURCES: Final = ("okta", "okta", "entra")
DEPARTMENTS: Final = ("Care", "Billing East", "Sales")
JOBS: Final = ("Agent", "Team Lead", "Clerk", None)
GAPS: Final = (0.0, 0.01, 0.2, 1.0, 4.0)
"""Virtual seconds between two changes."""


def directory_steps(random: Random, source: str, users: Sequence[str], end: float) -> list[dict[str, Any]]:
    """From 4 to 14 changes, the first ones of them before `end` (virtual seconds). `users`: whom HR knows as well."""
    numbers = ["D0", "D1", *random.sample(list(users), min(len(users), random.randint(0, 2)))]
    steps: list[dict[str, Any]] = []
    there: dict[str, bool] = {}
    """Employee number → whether they may sign in."""
    at = random.uniform(0.0, end)
    for _ in range(random.randint(4, 14)):
        at += random.choice(GAPS)
        fresh = [number for number in numbers if number not in there]
        kinds = (["create"] * 3 if fresh else []) + (["update", "access", "access", "remove"] if there else [])
        if not kinds:
            break
        kind = random.choice(kinds)
        who = random.choice(fresh if kind == "create" else sorted(there))
        step: dict[str, Any] = {"at": round(at, 3), "kind": "directory", "source": source, "do": kind, "who": who}
        match kind:
            case "create":
                there[who] = True
                step["fields"] = {"userName": f"{who.lower()}@dir.example.com", "displayName": f"Person {who}"}
                step["fields"] |= _work(random)
            case "update":
                step["fields"] = _work(random)
            case "access":
                there[who] = not there[who]
                step |= {"do": "update", "fields": {"active": there[who]}}
            case _:
                del there[who]
                numbers.remove(who)
        steps.append(step)
    return steps


def _work(random: Random) -> dict[str, Any]:
    return {"department": random.choice(DEPARTMENTS), "job": random.choice(JOBS)}
