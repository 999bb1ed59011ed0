"""What is known of one SCIM connection: its users, groups and memberships, as far as `events.scim` has been folded.

Two views of it are asked, the provider's (`core/provider/state.py`) and that of what writes mean for people
(`sources/scim/known.py`). It is in memory, and made anew of the records of `scim.resources`, whose rules hold here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from streamproc.core.provider.state import Folded, ResourcesInMemory, ScimResource
from streamproc.sources.scim.known import KnownInMemory, Learned
from streamproc.sources.scim.known_record import Held, Known, KnownMember, KnownResource, encode_known, key_of

NOTHING: Final = -1
"""In the place of an offset: before the first record."""
Kept: TypeAlias = tuple[bytes, bytes]
"""Key and value of a record of `scim.resources`."""


@dataclass(slots=True)
class ConnectionState:
    """Of one connection. All up to the record at `folded` is in it, and nothing that comes after."""

    name: str
    resources: ResourcesInMemory = field(default_factory=ResourcesInMemory)
    subjects: KnownInMemory = field(default_factory=KnownInMemory)
    folded: int = NOTHING
    _told: dict[str, int] = field(default_factory=dict)
    """Group → offset of the last record by which a client spoke of all members."""

    def learn(self, offset: int, folded: Folded, learned: Learned) -> list[Kept]:
        """Puts a valid record into effect. Returns what is to be kept of it, memberships first."""
        about = folded.after or folded.before
        assert about is not None, "a valid record is about somebody"
        kept = list(self._memberships(offset, folded, learned))
        self._note_told(about, offset, folded, learned)
        self.resources.apply(folded)
        self.subjects.apply(learned)
        self.folded = offset
        subject = self.subjects.subject(about.id)
        now = KnownResource(learned.moment, folded.after, subject, self._told.get(about.id))
        return [*kept, (key_of(self.name, about.id), encode_known(Known(offset, now)))]

    def put(self, id_: str, offset: int, known: KnownResource, members: dict[str, bool | None]) -> None:
        """As it was kept. `members`: of a group, by a client's word or not."""
        resource = known.resource
        if resource is not None:
            self.resources.apply(Folded(None, resource, tuple(members)))
        if known.told is not None:
            self._told[id_] = known.told
        subjects = {} if known.subject is None else {id_: known.subject}
        if resource is None or resource.type == "User":
            self.subjects.apply(Learned(known.moment, subjects))
        else:
            name = str(resource.attributes["displayName"])
            self.subjects.apply(Learned(known.moment, subjects, id_, name, members))
        self.folded = offset

    def _memberships(self, offset: int, folded: Folded, learned: Learned) -> Iterator[Kept]:
        group = learned.group or ""
        before = self.subjects.members_among(group, folded.removed)
        for member in (*folded.removed, *folded.added):
            change = KnownMember(_held(learned.members.get(member)), _held(before.get(member)))
            yield key_of(self.name, group, member), encode_known(Known(offset, member=change))

    def _note_told(self, about: ScimResource, offset: int, folded: Folded, learned: Learned) -> None:
        if folded.before is None or folded.after is None:
            self._told.pop(about.id, None)
        elif learned.members.keys() - {*folded.added, *folded.removed}:
            self._told[about.id] = offset


def restored(name: str, known: Iterable[tuple[tuple[str, ...], Known]]) -> ConnectionState:
    """The state of which these records are the newest of their keys. `known`: by ids, without the connection."""
    there: dict[str, tuple[int, KnownResource]] = {}
    changes: dict[str, list[tuple[str, int, KnownMember]]] = {}
    for ids, each in known:
        if each.resource is not None and len(ids) == 1:
            there[ids[0]] = each.seq, each.resource
        elif each.member is not None and len(ids) == 2:
            changes.setdefault(ids[0], []).append((ids[1], each.seq, each.member))
    state = ConnectionState(name)
    for id_, (seq, resource) in sorted(there.items(), key=lambda item: item[1][0]):
        state.put(id_, seq, resource, _members(resource, seq, changes.get(id_, [])))
    return state


def _members(group: KnownResource, seq: int, changes: list[tuple[str, int, KnownMember]]) -> dict[str, bool | None]:
    """By a client's word or not. Of a record that was carried out in part counts what was before it."""
    found: dict[str, bool | None] = {}
    if group.resource is None:
        return found
    for member, at, change in changes:
        held = change.was if at > seq else change.held
        if at >= group.resource.first and held != "no":
            found[member] = held == "client" or (group.told is not None and at <= group.told)
    return found


def _held(by_client: bool | None) -> Held:
    return "no" if by_client is None else "client" if by_client else "target"
