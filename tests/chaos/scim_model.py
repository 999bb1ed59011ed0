"""What a log of `events.scim` comes to, by a reading of its own: no code of the product is used.

The rules are those of `streamproc/core/provider/README.md`: a record counts only if its resource is at the version that
it was decided on and nobody else has its names; an id follows from the record's place and its request; a record that
changes nothing makes no version.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Claim: TypeAlias = tuple[str, str, str]
"""Type, attribute, value as it is compared."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, decoded from JSON."""

    partition: int
    offset: int
    value: Mapping[str, Any]

    @property
    def agent(self) -> str:
        """The request's User-Agent, by which it is known whose it is."""
        return str(self.value["request"]["agent"])


@dataclass(frozen=True, slots=True)
class Resource:
    """A user or group at one version."""

    id: str
    type: str
    version: int
    attributes: Mapping[str, Any]
    members: frozenset[str] = frozenset()


@dataclass(slots=True)
class Past:
    """What something was from which offset on; None: nothing."""

    offsets: list[int] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def set(self, offset: int, state: Any) -> None:
        """From here on."""
        self.offsets.append(offset)
        self.states.append(state)

    def at(self, offset: int) -> Any:
        """After the record at this offset, or after the last one before it."""
        place = bisect_right(self.offsets, offset)
        return self.states[place - 1] if place else None

    def between(self, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """Each offset from `first` to `last` at which it was something else than before, beginning with `first`."""
        if first <= last:
            yield first, self.at(first)
            for offset, state in zip(self.offsets, self.states, strict=True):
                if first < offset <= last:
                    yield offset, state


@dataclass(slots=True)
class Counted:
    """A record that counts."""

    record: Record
    before: Resource | None
    after: Resource | None


class Model:
    """Of one connection's records, in their order."""

    def __init__(self, connection: str, records: Iterable[Record]) -> None:
        self.resources: dict[str, Past] = {}
        self.claims: dict[Claim, Past] = {}
        self.counted: dict[str, list[Counted]] = {}
        """By User-Agent."""
        self.void = 0
        self.end = -1
        self.wrong: list[str] = []
        self._now: dict[str, tuple[Resource, Mapping[str, str]]] = {}
        for each in records:
            if each.value["connection"] == connection:
                self._take(each)
                self.end = each.offset

    @property
    def now(self) -> dict[str, Resource]:
        """What is there at the end, by id."""
        return {id_: resource for id_, (resource, _) in self._now.items()}

    def past(self, id_: str) -> Past:
        """What a resource was."""
        return self.resources.get(id_, Past())

    def holder(self, claim: Claim) -> Past:
        """Who had a name."""
        return self.claims.get(claim, Past())

    def _take(self, record: Record) -> None:
        value = record.value
        found = None if value["id"] is None else self._now.get(value["id"])
        before = None if found is None else found[0]
        names = {(value["type"], attribute, name): name for attribute, name in value["claims"].items()}
        taken = any(self.holder(claim).at(record.offset) not in {None, value["id"]} for claim in names)
        if value["base"] != (None if before is None else before.version) or taken:
            self.void += 1
            return
        after: Resource | None = before
        if value["change"] != "none":
            after = self._after(record, before)
            self._put(record.offset, before, after, value["claims"])
        self.counted.setdefault(record.agent, []).append(Counted(record, before, after))

    def _after(self, record: Record, before: Resource | None) -> Resource | None:
        value, change = record.value, record.value["members"]
        if value["result"] is None:
            return None
        members = frozenset() if before is None else before.members
        if change is not None:
            add, remove = frozenset(change["add"]), frozenset(change["remove"])
            if add & members or not remove <= members or len(members) + len(add) - len(remove) != change["count"]:
                self.wrong.append(f"members at {record.offset} aren't those of the version before")
            members = (members | add) - remove
        id_ = new_id(record) if before is None else before.id
        return Resource(id_, value["type"], record.offset, value["result"], members)

    def _put(self, offset: int, before: Resource | None, after: Resource | None, claims: Mapping[str, str]) -> None:
        if before is not None:
            for attribute, name in self._now.pop(before.id)[1].items():
                self.claims[before.type, attribute, name].set(offset, None)
        if after is not None:
            if after.id in self._now:
                self.wrong.append(f"{after.id} was made twice")
            self._now[after.id] = after, claims
            for attribute, name in claims.items():
                self.claims.setdefault((after.type, attribute, name), Past()).set(offset, after.id)
        there = after or before
        assert there is not None
        self.resources.setdefault(there.id, Past()).set(offset, after)


def new_id(record: Record) -> str:
    """The id of what a record makes: of its place and request, in the form of a UUID of version 8 (RFC 9562)."""
    value = record.value
    place = [value["connection"], value["type"], record.partition, record.offset, value["request"]["id"]]
    number = int(hashlib.sha256(json.dumps(place, separators=(",", ":")).encode()).hexdigest()[:32], 16)
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
