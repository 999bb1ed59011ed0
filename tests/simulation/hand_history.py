"""The part of a history that happens in the target, by others: who edits users there by hand, and who does it again."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

AUTHORS: Final = (
    ("Sue Visor", "admin-ui"),
    ("Sue Visor", "admin-ui"),
    ("Tim Leader", "wallboard"),
    (None, "wfm-sync"),
    (None, "demo"),
)
"""Person and OAuth client; the last is our own, in somebody else's hands."""
GROUPS: Final = ("Spanish Queue", "Billing Queue", "Sales Queue", "Supervisors")
GAPS: Final = (1.0, 3.0, 6.0)
"""Virtual seconds until it is done once more."""


def hand_steps(random: Random, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """From one to five edits, some of them again and again, and orders about what is nobody's. `steps`: what sources
    say.
    """
    said = [step for step in steps if step["kind"] == "say" and step["topic"] == "events.hris"]
    users = sorted({step["value"]["subject"] for step in said})
    end = max((step["at"] for step in said), default=0.0) + 6.0
    left = [step for step in said if step["value"].get("attributes", {}).get("active") is False]
    found: list[dict[str, Any]] = []
    for _ in range(random.randint(1, 5)):
        who, client = random.choice(AUTHORS)
        at = random.uniform(1.0, end)
        if left and random.random() < 0.4:
            step = random.choice(left)
            at = step["at"] + random.choice([0.1, 0.5, 3.0, 8.0])
            edit: dict[str, Any] = {"user": step["value"]["subject"], "changes": {"state": "active"}}
        elif not users or random.random() < 0.1:
            name = f"robot{len(found)}@elsewhere.example.com"
            edit = {"stranger": name, "active": random.random() < 0.7}
        else:
            edit = _edit(random, random.choice(users))
        times = random.randint(2, 6) if random.random() < 0.3 and "stranger" not in edit else 1
        if "stranger" in edit and random.random() < 0.6:
            later = round(at + random.choice([4.0, 10.0]), 3)
            found.append({"at": later, "kind": "order", "action": "deactivate"})  # whatever is told as nobody's
        for _ in range(times):
            found.append({"at": round(at, 3), "kind": "hand", "who": who, "client": client, **edit})
            at += random.choice(GAPS) * random.uniform(0.5, 1.5)
    return found


def edit_of(random: Random, user: str, *, active: bool) -> dict[str, Any]:
    """One edit of a user who was written just now; most often it lets in whom that write has put out."""
    who, client = random.choice(AUTHORS)
    again = not active and random.random() < 0.85
    edit = {"user": user, "changes": {"state": "active"}} if again else _edit(random, user)
    return {"who": who, "client": client, **edit}


def _edit(random: Random, user: str) -> dict[str, Any]:
    kind = random.choice(["text", "text", "name", "list", "list", "group", "group", "out", "gone"])
    match kind:
        case "text":
            return {"user": user, "changes": {random.choice(["title", "department", "name"]): "By Hand"}}
        case "name":
            return {"user": user, "changes": {"email": f"hand-{user.lower()}@example.com"}}
        case "list":
            lists = {
                "roles": [{"value": "Supervisor"}],
                "routingSkills": [{"name": "Claims", "proficiency": 1.0}],
                "phoneNumbers": [{"value": "+13175550000", "type": "work"}],
            }
            name = random.choice(sorted(lists))
            return {"user": user, "changes": {name: lists[name]}}
        case "group":
            return {"user": user, "group": random.choice(GROUPS), "member": random.random() < 0.3}
        case "out":
            return {"user": user, "changes": {"state": "inactive"}}
        case _:
            return {"user": user, "changes": {"state": "deleted"}}
