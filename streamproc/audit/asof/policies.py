"""Which attributes of a user weren't ours to write at a moment: observed, or seeded and theirs since then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from streamproc.audit.words import iso_moment
from streamproc.core.fold.policy import writable
from streamproc.core.records.resource import EXTERNAL_ID, Resource


@dataclass(frozen=True, slots=True)
class AttributePolicy:
    """Of one attribute ("title", "externalIds AUTHORITY"), where it isn't `own`."""

    attribute: str
    policy: Literal["seed", "observe"]
    since: int | None = None
    """Of a seed: when the target first told a value of it, in ms since 1970. None: it hadn't yet."""

    @property
    def words(self) -> str:
        """In words."""
        if self.policy == "observe":
            return "only observed"
        return "seeded, and not written yet" if self.since is None else f"theirs since {iso_moment(self.since)}"


def policies(desired: Resource, valued: Mapping[str, int]) -> Iterator[AttributePolicy]:
    """Those of a desired state. `valued`: attribute to when the target first told a value, in ms since 1970."""
    for name in desired.get("observe", ()):
        yield AttributePolicy(name, "observe")
    for name in desired.get("seed", ()):
        ids = desired.get("externalIds", {}) if name == "externalIds" else {}
        for each in [EXTERNAL_ID + authority for authority in ids] or [name]:
            yield AttributePolicy(each, "seed", valued.get(each))


def ours(desired: Resource, known: tuple[AttributePolicy, ...], holds: Resource | None) -> Resource:
    """What of a desired state was ours to write, to a target that holds this."""
    had = [each.attribute for each in known if each.since is not None]
    return writable(desired, desired, had, holds)
