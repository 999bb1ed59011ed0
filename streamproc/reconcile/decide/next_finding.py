"""Next finding: what is to be told of one user or account after a look, and whether it has to be told at all.

Rule 1: what is told is told once, and again when something of it changes; with no differences once they are gone.
Rule 2: while something is to be repaired it is told at each look, since the sink may not have been there.
Rule 3: an operator's `ignore` holds as long as the same disagrees, and never for an incident.
"""

from msgspec.structs import replace

from streamproc.core.records.control import Control
from streamproc.core.records.finding import Difference, Finding, says_the_same


def next_finding(before: Finding | None, now: Finding) -> Finding | None:
    """What is to be appended. `before`: the newest that was. None: nothing is new."""
    if before is None or not before.differences:
        return replace(now, since=now.at) if now.differences else None
    if not now.differences:
        return replace(now, since=now.at)
    now = replace(now, since=before.since)
    if not says_the_same(before, now):
        return now
    if before.answered is not None and not now.incident:
        return None
    if [each.kind for each in before.differences] != [each.kind for each in now.differences]:
        return now
    return now if is_repaired(now) else None


def as_before(before: Finding | None, differences: list[Difference]) -> list[Difference]:
    """The differences, with who made them where that was told of the same before.

    Not of what we write: since then it may have been put right, and changed by somebody else to the same.
    """
    told_of = [] if before is None else before.differences
    known = {each.attribute: each for each in told_of if each.kind == "changed" and each.policy != "own"}

    def told(each: Difference) -> Difference:
        same = known.get(each.attribute)
        if each.kind != "unknown" or same is None or (same.desired, same.held) != (each.desired, each.held):
            return each
        return replace(each, kind=same.kind, reason=same.reason, changed=same.changed)

    return [told(each) for each in differences]


def is_told(before: Finding | None, differences: list[Difference]) -> bool:
    """Whether the same was told before, nothing is to be repaired, and nobody needs to look."""
    if before is None or not before.differences:
        return not differences
    return not is_repaired(before) and as_before(before, differences) == before.differences


def is_repaired(finding: Finding) -> bool:
    """Whether the sink is to look at the user."""
    return any(each.repaired for each in finding.differences)


def disagrees(finding: Finding) -> bool:
    """Whether it is still to be told: something differs, and no operator has said that it may."""
    return bool(finding.differences) and finding.answered is None


def ignored(finding: Finding, order: Control) -> Finding | None:
    """The same, closed by an operator. None: it can't be: somebody has access who is to have none, or it is over."""
    if finding.incident or not finding.differences:
        return None
    return replace(finding, answered=order.id)
