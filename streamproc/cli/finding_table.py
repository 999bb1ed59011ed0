"""Findings as a table: a line for each difference, with both values, who changed it and when."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from streamproc.core.records.finding import ACCOUNT, Difference, Finding
from streamproc.core.shown import moment

HEADER: Final = ("NAME", "SINCE", "CLASS", "WHAT", "BY WHOM", "WHY")


def cells(finding: Finding, differences: Iterable[Difference], state: str = "") -> Iterator[tuple[str, ...]]:
    """Lines of one finding; whom it is about, and since when, stands once. `state`: what became of it, in a word."""
    front = finding.key, moment(finding.since)
    for each in differences:
        incident = finding.incident and each.attribute == "active"
        kind = ", ".join([each.kind, *(["incident"] if incident else []), *([state] if state else [])])
        by = "" if each.changed is None else f"{each.changed.who}, {moment(each.changed.at)}"
        why = each.reason if each.policy == "own" else f"{each.reason} ({each.policy})"
        yield (*front, kind, _what(finding, each), by, why)
        front = "", ""
    if front[0] and not finding.differences:
        yield (*front, state, "", "", "")


def _what(finding: Finding, difference: Difference) -> str:
    if difference.attribute == ACCOUNT:
        known = finding.name if finding.user is None else finding.account
        return f"account {known or 'of ' + finding.key}"
    return f"{difference.attribute}: {_value(difference.held)} instead of {_value(difference.desired)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {level}" for name, level in value.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value in {None, ""} else str(value)
