"""Who is in a directory that is asked, and what it shows of them at the end: of what was between nothing is left."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.simulation.oracle.words import FACTS

SHOWN: Final = ("userName", "displayName", "active", "job", "department")


def people(steps: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any] | None]]:
    """User → source → fact → value; None: the directory has removed them. Empty: nobody can know what it showed last.

    Somebody is made once; what is told of who isn't there does nothing.
    """
    found: dict[str, dict[str, dict[str, Any] | None]] = {}
    for step in steps:
        if step["kind"] not in {"directory", "unheard"}:
            continue
        theirs, source, who = found.setdefault(step["who"], {}), step["source"], step["who"]
        if step["kind"] == "unheard":
            theirs[source] = {}
        elif step["do"] == "create":
            theirs.setdefault(source, {"active": True, "employeeNumber": who, **_facts(step["fields"])})
        elif (says := theirs.get(source)) is not None:
            theirs[source] = None if step["do"] == "remove" else says | _facts(step["fields"])
    return {
        who: {source: says and dict.fromkeys(FACTS) | says for source, says in theirs.items()}
        for who, theirs in found.items()
        if theirs
    }


def _facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in SHOWN if name in fields}
