"""What the mappings of `mappings.py` mean, written out again: facts to what somebody is to hold in the target."""

import re
from typing import Any, Final

from tests.simulation.mappings import AWAY, OUT

SKILLS: Final = frozenset({"Spanish", "Billing", "Sales", "Claims", "Tech Support", "Retention"})
LANGUAGES: Final = frozenset({"English", "Spanish", "French", "Portuguese"})
ROLES: Final = frozenset({"employee", "Agent", "Supervisor", "Quality Evaluator"})
GROUPS: Final = ("All Agents", "Spanish Queue", "Billing Queue", "Sales Queue", "Supervisors")
DIVISIONS: Final = frozenset({"Home", "Care", "Sales"})
"""What the target has; of what it hasn't nothing is demanded."""

SCOPED: Final = frozenset({"releasing", "scoped", "strict"})
RELEASING: Final = frozenset({"releasing"})
"""Who goes out of scope keeps their account, as it is, and nobody of ours changes it any more."""
SUSPENDING: Final = frozenset({"suspending", "strict"})
AUTHORITY: Final[dict[str, dict[str, list[str]]]] = {"hr-decides": {"active": ["hris"], "job": ["hris", "entra"]}}
"""Mapping → fact → sources in order; without a list every source, in the order of their names."""
SCALARS: Final = {
    "title": "job",
    "phone": "phone",
    "department": "department",
    "division": "division",
    "employeeNumber": "employeeNumber",
    "manager": "manager",
}


def in_scope(mapping: str, facts: dict[str, Any]) -> bool | None:
    """None: that can't be said."""
    if mapping not in SCOPED:
        return True
    department = facts.get("department")
    return None if department is None else department != OUT


def suspended(mapping: str, facts: dict[str, Any]) -> bool:
    return mapping in SUSPENDING and facts.get("leave") == AWAY


def desired(mapping: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Attribute → value, of those that are owned and of which it can be said what the target is to hold."""
    scalars = {"title": "job", "department": "department"} if mapping == "lean" else SCALARS
    wanted = {"userName": facts["userName"], "displayName": facts["displayName"]}
    wanted |= {name: facts[fact] for name, fact in scalars.items() if fact in facts}
    if wanted.get("division") not in DIVISIONS:
        wanted.pop("division", None)  # nobody is without one, and an unknown one is refused
    return wanted | (_lean_roles(facts) if mapping == "lean" else _lists(mapping, facts))


def _lean_roles(facts: dict[str, Any]) -> dict[str, Any]:
    if "job" not in facts:
        return {}
    return {"roles": sorted({"employee"} | ({"Agent"} if _like(facts["job"], "agent") else set()))}


def _lists(mapping: str, facts: dict[str, Any]) -> dict[str, Any]:
    department, job = facts.get("department"), facts.get("job")
    queues, languages, roles = (
        names(facts.get(f"genesys{which}"), leveled=which != "Role") for which in ("Queue", "Language", "Role")
    )
    fed: dict[str, set[str]] = {
        "skills": {"genesysQueue", "department"},
        "groups": {"genesysQueue", "department", "job"},
        "languages": {"genesysLanguage", "department"},
        "roles": {"genesysRole", "job"} | ({"costCenter"} if mapping == "generous" else set()),
    }
    skilled = None if queues is None else {name: 3.0 if level is None else level for name, level in queues.items()}
    spoken = None if languages is None else {name: 3.0 if each is None else each for name, each in languages.items()}
    grouped = None if queues is None else {f"{name} Queue" for name in queues}
    given = None if roles is None else {*roles, "employee"}
    if department == "Spanish Support":
        _better(skilled, "Spanish", 4.0)
        _better(spoken, "Spanish", 4.0)
        _add(grouped, "Spanish Queue")
    if _like(department, "billing", start=True):
        _better(skilled, "Billing", 3.0)
    if job is not None and (job == "Team Lead" or job.endswith("Supervisor")):
        _add(given, "Supervisor")
        _add(grouped, "Supervisors")
    if _like(job, "agent"):
        _add(given, "Agent")
    if mapping == "generous" and department == OUT:
        _better(spoken, "French", 2.0)
    if mapping == "generous" and facts.get("costCenter"):
        _add(given, "Supervisor")
    found: dict[str, Any] = {
        "skills": skilled if skilled is not None and skilled.keys() <= SKILLS else None,
        "languages": spoken if spoken is not None and spoken.keys() <= LANGUAGES else None,
        "groups": None if grouped is None else sorted(grouped.intersection(GROUPS)),
        "roles": None if given is None or not given <= ROLES else sorted(given),
    }
    return {name: value for name, value in found.items() if value is not None and not fed[name].isdisjoint(facts)}


def names(written: Any, *, leveled: bool) -> dict[str, float | None] | None:
    """Name → level (None: none is said) of a list as people write it. None: it can't be read."""
    if written is None:
        return {}
    if isinstance(written, dict):
        pieces: list[Any] = [f"{name}:{level}" for name, level in written.items()]
    elif isinstance(written, list):
        pieces = written
    else:
        pieces = re.split("[,;\n]", written)
    found: dict[str, float | None] = {}
    for piece in pieces:
        name, _, level = piece.strip().partition(":")
        if not leveled and level:
            return None
        if name and (not level or re.fullmatch(r"\d+(\.\d+)?", level.strip())):
            number = float(level) if level else None
            if number is not None and number > 5.0:
                return None
            best = [each for each in (number, found.get(name)) if each is not None]
            found[name] = max(best) if best else None
        elif name:
            return None
    return found


def _like(text: Any, part: str, *, start: bool = False) -> bool:
    if not isinstance(text, str):
        return False
    return text.lower().startswith(part) if start else part in text.lower()


def _better(levels: dict[str, float] | None, name: str, level: float) -> None:
    if levels is not None:
        levels[name] = max(level, levels.get(name, 0.0))


def _add(found: set[str] | None, name: str) -> None:
    if found is not None:
        found.add(name)
