"""Setbacks: writes that come to nothing without being refused, and when they are taken for a refusal.

An answer that leaves it open whether a write was carried out, a version that never fits, a user who is there and isn't:
each may pass, and is tried again. In a row, and while the target is well, it is put down to what is sent.
"""

from typing import Final

from msgspec.structs import replace

from streamproc.core.records.operation import Deactivate
from streamproc.core.records.resource import parts
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import Moment, Send, SendMembership

SETBACKS: Final = 3
"""In a row, after which it is put down to what is sent together."""
ALONE: Final = 2
"""The same of one attribute, alone, and of each group after the first."""
CONFLICTS: Final = 5
"""The same of version conflicts: others may be quicker more than once."""
BARREN: Final = 2
"""Attributes in a row that were set aside for setbacks, after which it isn't the attributes."""


def setback(progress: Progress, step: Send, at: Moment, limit: int = SETBACKS) -> tuple[Progress, bool]:
    """One more, and whether it is to be put down to what was sent."""
    if at.target_down:
        return progress, False
    what = step.operation.group if isinstance(step, SendMembership) else ""
    times = progress.setbacks.get(what, 0) + 1
    return replace(progress, setbacks={**progress.setbacks, what: times}), times >= _limit(progress, step, limit)


def begun_anew(progress: Progress) -> Progress:
    """After a refusal: half-way it may have changed the user's version, which isn't put down to what is sent next."""
    return replace(progress, setbacks={group: times for group, times in progress.setbacks.items() if group})


def _limit(progress: Progress, step: Send, limit: int) -> int:
    if not progress.patient:
        return 1
    if isinstance(step, SendMembership):
        alone = any(name.startswith("group ") for name in progress.aside)
    elif isinstance(step.operation, Deactivate):
        return limit if progress.form == 0 else 1
    else:
        alone = progress.bare or not progress.alone.isdisjoint(parts(step.resource))
    return min(limit, ALONE) if alone else limit
