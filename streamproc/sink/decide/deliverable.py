"""Deliverable: what of a desired state goes to the target now."""

from streamproc.core.fold.policy import writable
from streamproc.core.records.resource import Resource
from streamproc.sink.decide.isolate_refused import without_refused
from streamproc.sink.decide.items import as_held
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.seeding import seeded


def deliverable(progress: Progress, desired: Resource) -> Resource:
    """What is desired, less what isn't ours to write, what is frozen, and what was set aside in this turn.

    A userName has no case (RFC 7643 §4.1.1).
    """
    held, name = (progress.held or Resource()).get("userName"), desired.get("userName")
    kept = progress.name_taken is not None and progress.name_taken.way is None  # until it is theirs
    if held is not None and name is not None and name != held and (kept or name.casefold() == held.casefold()):
        desired = desired.copy()
        desired["userName"] = held
    desired = writable(desired, progress.record.desired, seeded(progress), progress.held)
    desired = as_held(desired, progress.held, progress.loops.frozen)
    return without_refused(desired, progress.held, progress.aside, progress.given_up)
