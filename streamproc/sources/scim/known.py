"""What has to be known of a connection's users and groups, to say what a record of `events.scim` means for people.

A cache, as the provider's own state: the log makes it anew. What a record teaches is a value (`Learned`), which each
kind of state puts into effect in its own way (`KnownSubjects`).
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Protocol

from streamproc.core.records.units import Micros


@dataclass(frozen=True, slots=True)
class Subject:
    """A user of the connection.

    `anchor`: who it is; None: that isn't known. `observed`: that was only read at the target, so a client's word on it
    is no conflict. `said`: facts of which a client has spoken. `manager`: the id of another user, or whatever a client
    has said in its place. `withheld`: an anchor that is another one's in the place of `anchor`, so nothing is said of
    anybody until that is settled. `probe`: it is nobody, but a test of the client's. `deleted`: it is kept for those
    whose manager it is. `grouped`: names of the groups that were said of who is withheld or deleted, when that began:
    what they have lost since has to be said.
    """

    anchor: str | None = None
    said: frozenset[str] = frozenset()
    manager: str | None = None
    withheld: bool = False
    probe: bool = False
    deleted: bool = False
    observed: bool = False
    grouped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Learned:
    """What one record has taught."""

    moment: Micros
    """Of the record: later than that of each before it."""
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    group: str | None = None
    """Id of the group that it is about."""
    name: str | None = None
    """Of the group now; None: it is deleted."""
    members: Mapping[str, bool | None] = field(default_factory=dict)
    """Of the group: by a client's word, or (false) only read at the target; None: not any more."""


class KnownSubjects(Protocol):
    """One connection's users and groups as far as the log has been folded."""

    @property
    def moment(self) -> Micros:
        """Of the last record."""
        ...

    def subject(self, id: str, /) -> Subject | None:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        """A user; None: there never was one with this id."""
        ...

    def anchored(self, anchor: str, /) -> AbstractSet[str]:
        """Ids of users with this anchor, also deleted ones."""
        ...

    def reports(self, manager: str, /) -> AbstractSet[str]:
        """Ids of users with this as `manager`."""
        ...

    def group_name(self, group: str, /) -> str | None:
        """None: there is no such group."""
        ...

    def members(self, group: str, /) -> Mapping[str, bool]:
        """Ids of all members, of whatever type: true by a client's word, false where they were only read."""
        ...

    def members_among(self, group: str, ids: Collection[str], /) -> Mapping[str, bool]:
        """Those of `ids`, without reading the others."""
        ...

    def groups_of(self, member: str, /) -> AbstractSet[str]:
        """Names of the groups that this is in by a client's word."""
        ...

    def apply(self, learned: Learned, /) -> None:
        """Puts it into effect."""
        ...


BEGINNING: Final = Micros(0)


class KnownInMemory:
    """In dictionaries."""

    def __init__(self) -> None:
        self._moment = BEGINNING
        self._subjects: dict[str, Subject] = {}
        self._anchored: dict[str, set[str]] = {}
        self._reports: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}
        self._members: dict[str, dict[str, bool]] = {}
        self._groups: dict[str, set[str]] = {}

    @property
    def moment(self) -> Micros:
        return self._moment

    def subject(self, id: str) -> Subject | None:  # noqa: A002 - see the protocol
        return self._subjects.get(id)

    def anchored(self, anchor: str) -> AbstractSet[str]:
        return frozenset(self._anchored.get(anchor, ()))

    def reports(self, manager: str) -> AbstractSet[str]:
        return frozenset(self._reports.get(manager, ()))

    def group_name(self, group: str) -> str | None:
        return self._names.get(group)

    def members(self, group: str) -> Mapping[str, bool]:
        return dict(self._members.get(group, {}))

    def members_among(self, group: str, ids: Collection[str]) -> Mapping[str, bool]:
        members = self._members.get(group, {})
        return {each: members[each] for each in ids if each in members}

    def groups_of(self, member: str) -> AbstractSet[str]:
        return {self._names[group] for group in self._groups.get(member, ())}

    def apply(self, learned: Learned) -> None:
        self._moment = learned.moment
        for name, subject in learned.subjects.items():
            before = self._subjects.get(name)
            if before is not None and before.anchor not in {None, subject.anchor}:
                self._anchored[before.anchor or ""].discard(name)
            if subject.anchor is not None:
                self._anchored.setdefault(subject.anchor, set()).add(name)
            if before is not None and before.manager is not None:
                self._reports[before.manager].discard(name)
            if subject.manager is not None:
                self._reports.setdefault(subject.manager, set()).add(name)
            self._subjects[name] = subject
        if (group := learned.group) is None:
            return
        members = self._members.setdefault(group, {})
        gone = dict.fromkeys(members) if learned.name is None else {}
        for member, by_client in (gone or learned.members).items():
            self._groups.setdefault(member, set()).discard(group)
            members.pop(member, None)
            if by_client is not None:
                members[member] = by_client
            if by_client:
                self._groups[member].add(group)
        if learned.name is None:
            self._names.pop(group, None)
            del self._members[group]
        else:
            self._names[group] = learned.name
