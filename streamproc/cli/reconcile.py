"""What `streamproc reconcile --once` prints: a table of what disagrees, and how much was looked at."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from streamproc.cli.operator_order import shown_moment
from streamproc.cli.screen import complain, put_json, put_lines
from streamproc.cli.table import table
from streamproc.core.records.finding import Difference, Finding
from streamproc.reconcile.process import Summary


def printed(summary: Summary | None, user: str | None, *, as_json: bool) -> int:
    """Print it. Returns the exit code. `summary` None: there is no record of the user."""
    if summary is None:
        complain(f"{user}: no such user ID; there is no record of anybody by it")
        return 2
    if as_json:
        told = {name: getattr(summary, name) for name in summary.__struct_fields__ if name != "disagreements"}
        put_json({"findings": summary.disagreements, **told})
    else:
        put_lines(lines(summary))
    return 1 if summary.disagreements else 0


def lines(summary: Summary) -> Iterator[str]:
    """For people."""
    told = [(finding, each) for finding in summary.disagreements for each in finding.differences]
    if told:
        yield from table([("NAME", "SINCE", "CLASS", "WHAT", "BY WHOM", "WHY"), *(_cells(*each) for each in told)])
    counts = Counter(each.kind for _, each in told)
    if incidents := sum(finding.incident for finding in summary.disagreements):
        yield f"{incidents} with access who are to have none"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    of = f"{summary.accounts} accounts and {summary.users} users" if summary.accounts else f"{summary.users} users"
    cost = f"{summary.requests} requests, {summary.seconds:.0f} s"
    yield f"{len(summary.disagreements)} of {of} disagree" + (f" ({kinds})" if kinds else "") + f"; {cost}"


def _cells(finding: Finding, each: Difference) -> tuple[str, ...]:
    by = "" if each.changed is None else f"{each.changed.who}, {shown_moment(each.changed.at)}"
    kind = f"{each.kind}, incident" if finding.incident and each.attribute == "active" else each.kind
    what = f"{each.attribute}: {_value(each.held)} instead of {_value(each.desired)}"
    if each.kind in {"orphan", "missing"}:
        what = f"account {finding.name or finding.account or 'of ' + finding.key}"
    why = f"{each.reason} ({each.policy})" if each.policy != "own" else each.reason
    return finding.key, shown_moment(finding.since), kind, what, by, why


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {level}" for name, level in value.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value in {None, ""} else str(value)
