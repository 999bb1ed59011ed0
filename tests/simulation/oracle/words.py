"""What the generic contract's events of one user come to at a moment: each fact is as the greatest word on it says.

A word counts from its time on, one with a later `effective` from then on, unless it was cancelled. Of two words on the
same fact the one that began to count later holds, and of those the later one by time, sequence and id. A snapshot
says something of everything.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

FACTS: Final = (
    "userName",
    "displayName",
    "active",
    "phone",
    "job",
    "department",
    "division",
    "manager",
    "employeeNumber",
    "genesysRole",
    "genesysLanguage",
    "genesysQueue",
    "leave",
    "costCenter",
)
"""All that any mapping reads."""
OWN: Final = frozenset({"id", "type", "subject", "time", "sequence", "effective", "cancels", "reason", "attributes"})
ATTRIBUTES: Final = frozenset([*FACTS[:9], "email", "custom"])
DAY: Final = 86_400.0


def seconds(text: str) -> float:
    """Since 1970."""
    return datetime.fromisoformat(text).timestamp()


def word_of(value: Any, appended: float) -> dict[str, Any] | None:
    """One event as a word; None: it says nothing. `appended`: s since 1970, when the broker had it.

    `order`, `from` (None: at once, else s since 1970), `whole`, `says` (fact → value), `cancels`.
    """
    if not isinstance(value, dict) or not isinstance(value.get("attributes"), dict):
        return None
    said = dict(value["attributes"])
    broken = bool(said.keys() - ATTRIBUTES or value.keys() - OWN)
    at_once = value.get("effective") is None and value.get("cancels") is None
    if broken and not (at_once and said.get("active") is False):
        return None
    time = seconds(value["time"])
    if time - appended > DAY:
        return None
    order = (min(time, appended), value.get("sequence", 0), value["id"])
    if broken:  # nobody keeps access because of what else an event says
        return {"order": order, "from": None, "whole": False, "says": {"active": False}, "cancels": None}
    later = None if value.get("effective") is None else seconds(value["effective"])
    says = {name: each for name, each in said.items() if name != "custom"} | said.get("custom", {})
    return {
        "order": order,
        "from": later if later is not None and later > time else None,
        "whole": value["type"] == "snapshot",
        "says": {name: each for name, each in says.items() if name in FACTS},
        "cancels": value.get("cancels"),
    }


def facts(words: Iterable[dict[str, Any]], now: float) -> dict[str, Any]:
    """What holds at `now` (s since 1970): fact → value. What nobody spoke of isn't in it."""
    ranks: dict[str, Any] = {}
    known: dict[str, Any] = {}
    every = list(words)
    for word in every:
        taken_back = any(each["cancels"] == word["order"][2] and each["order"] > word["order"] for each in every)
        if word["from"] is not None and (taken_back or word["from"] > now):
            continue
        rank = (max(word["from"] or 0.0, word["order"][0]), word["order"])
        for name in FACTS if word["whole"] else word["says"]:
            if name not in ranks or ranks[name] < rank:
                ranks[name], known[name] = rank, word["says"].get(name)
    return known
