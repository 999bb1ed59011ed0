"""Seeding: which attributes of one account have had a value, so that the mapping's seeds of them aren't written again.

Rule 1: it is of one account. Whoever is created anew gets what is seeded anew.
Rule 2: what the target shows counts, whoever wrote it; and before a seed goes to an account, the account is read.
Rule 3: what the target made of an attribute in whose place it refused ours, such as a division, doesn't count.
"""

from typing import Final

from msgspec.structs import replace

from streamproc.core.fold.policy import had
from streamproc.core.records.resource import Resource, policy_of
from streamproc.sink.decide.name_waits import is_temporary
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.underway import Seeded

GIVEN: Final = frozenset({"division", "roles"})
"""What a target gives newcomers by itself."""


def seeded(progress: Progress) -> frozenset[str]:
    """Attributes that have had a value ("title", "groups", "group NAME", "externalIds AUTHORITY")."""
    return _had(progress, progress.held or Resource())


def with_seeded(progress: Progress, shown: Resource) -> Progress:
    """With what the target shows noted: it counts, also once it isn't held any more."""
    if progress.id is None or "seed" not in progress.record.desired:
        return progress
    return replace(progress, seeded=Seeded(progress.id, _had(progress, shown)))


def settled(progress: Progress, written: Resource) -> frozenset[str]:
    """Of attributes that the target fills by itself those that are seeded by this, so that what it holds is ours."""
    return frozenset(name for name in GIVEN & written.keys() if policy_of(progress.record.desired, name) == "seed")


def is_seed(progress: Progress, changes: Resource) -> bool:
    """Whether something of it is seeded: it is read first, since somebody may have given it a value meanwhile."""
    return any(policy_of(progress.record.desired, name) == "seed" for name in changes)


def _had(progress: Progress, held: Resource) -> frozenset[str]:
    known = progress.seeded.of(progress.id)
    if progress.id is None or "seed" not in progress.record.desired:
        return known
    unsettled = progress.alone & GIVEN
    if is_temporary(held.get("userName"), progress.user):
        unsettled = unsettled | {"userName"}
    return had(progress.record.desired, held, known, unsettled)
