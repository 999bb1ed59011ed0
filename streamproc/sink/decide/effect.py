"""Effect: whether what the target accepted is what it shows. What makes no difference is counted, and comes to an end.

Rule 1: a read may lag behind, so it is read again before anything is written again.
Rule 2: what was accepted twice, and is shown as it was before, in whatever spelling, has no effect: it is set aside
with that reason.
Rule 3: what was accepted twice, and is shown as something else each time, is the target's own way of showing it.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec.structs import replace

from streamproc.core.fold.plan import changed, plan
from streamproc.core.records.operation import Join, Leave
from streamproc.core.records.resource import ACCESS, SCALARS, Resource, parts
from streamproc.core.scim.dialect import Dialect, expressible
from streamproc.core.scim.response_policy import backoff
from streamproc.core.scim.spelling import alike
from streamproc.sink.decide.deliverable import deliverable
from streamproc.sink.decide.loops import without_effect
from streamproc.sink.decide.progress import PATIENCE, Freshness, Progress, Written
from streamproc.sink.decide.steps import Moment
from streamproc.sink.decide.underway import SetAside

REREADS: Final = 2
"""Times that it is read again after each write, at longer and longer intervals: half a minute in all."""
WRITES: Final = 2
"""Times that something is written before it is put down to the target that it isn't shown."""


def with_written(progress: Progress, names: Mapping[str, Any]) -> Progress:
    """These were accepted; `names`: each with what was held before."""
    written = dict(progress.written)
    for name, before in names.items():
        earlier = written.get(name)
        written[name] = Written(1, before) if earlier is None else replace(earlier, times=earlier.times + 1)
    return replace(progress, written=written)


def shows(resource: Resource, shown: Resource) -> bool:
    """Whether all that was written is shown."""
    return not changed(shown, resource)


def compare(progress: Progress, dialect: Dialect, at: Moment) -> Progress:
    """Of a user who was just read, with groups: what was accepted is shown, or that has its consequences."""
    if not progress.unshown or progress.leaver:
        return progress
    left = _left(progress, dialect)
    times = max((progress.written[name].times for name in left & progress.written.keys()), default=0)
    if not times:
        return replace(progress, unshown=False, rereads=0)
    lags = progress.etag is not None and progress.etag in progress.replaced
    if progress.rereads < (PATIENCE if lags else REREADS * times) and progress.patient:
        rereads = progress.rereads + 1
        until = at.ticks + backoff(rereads + 2, at.jitter)
        return replace(progress, rereads=rereads, freshness=Freshness.STALE, wait_until=until)
    for name in sorted(left):
        written = progress.written.get(name)
        if written is not None and (written.times >= WRITES or not progress.patient):
            progress = _without_effect(progress, name, written, at)
    none = progress.written.keys() <= progress.aside.keys()
    unshown = not _left(progress, dialect).isdisjoint(progress.written)
    return replace(progress, unshown=unshown, wrote=progress.wrote and not none)


def _without_effect(progress: Progress, name: str, written: Written, at: Moment) -> Progress:
    shown = cast("dict[str, Any]", progress.held or {}).get(name)
    if name in SCALARS and name != "manager" and shown and not alike(written.before, shown):
        ours = cast("dict[str, Any]", progress.record.desired)[name]
        held = cast("Resource", {**(progress.held or {}), name: ours})
        return replace(progress, spelled={**progress.spelled, name: shown}, held=held)
    if name in progress.aside and name in ACCESS:
        progress = replace(progress, given_up=progress.given_up | {name})
    reason = "accepted, but the target doesn't show it"
    progress = without_effect(progress, name)
    return progress.with_aside(SetAside(name, "refused", reason), at.clock)


def _left(progress: Progress, dialect: Dialect) -> set[str]:
    """Names of what would be written now."""
    desired = deliverable(progress, expressible(progress.record.desired, dialect))
    operations = plan(progress.held, desired)
    groups = {f"group {operation.group}" for operation in operations if isinstance(operation, Join | Leave)}
    return groups | parts(changed(progress.held or Resource(), desired)).keys()
