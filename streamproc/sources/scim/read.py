"""Source `scim`: what a write of a SCIM client, as the log has folded it, means for people.

Rule 1: all is a change, and speaks only of what a client has spoken of; so an app that manages titles, and knows no
skills, takes nobody's skills. With the first word on a seeded user comes the name under which the target has them.
Rule 2: order is the log's. A record's moment is when the broker had it, or just after the moment of the record before
it: so whoever is made in the place of somebody deleted was made later, whatever a clock says.
Rule 3: a group's record is one change for each of its users that it concerns, in the order of their ids, each with all
names of the groups that the user is in by then.
Rule 4: who somebody is, is `anchors.py`'s to say. Of who is nobody yet, what is said waits with the others that have no
link; of who is somebody else by now, only that is said which takes access away.
Rule 5: who is made says when that was, by the log: whoever is made anew for somebody deleted may reach the user before
that deletion does, since each subject has a way of its own, and is told from another account by this alone.

RFC 7643 §4; `core/provider/fold.py` says what a record does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.observed import parted
from streamproc.core.provider.state import Folded, ScimResource
from streamproc.core.records.change_event import BEGAN, GONE, Fact
from streamproc.core.records.fact_names import ACTIVE, GROUP
from streamproc.core.records.units import Micros, Millis, micros_of
from streamproc.sources.scim.anchors import ScimConnection, identified, is_probe
from streamproc.sources.scim.known import KnownSubjects, Learned, Subject
from streamproc.sources.scim.values import read, touched

SOURCE: Final = "scim"
GROUPS: Final = "groups"
"""The fact with the names of all groups, beside one for each of them."""
MANAGER: Final = "manager"
LOGIN: Final = "userName"

UNLINKED: Final = Ignored("unlinked", "no anchor says who it is: what is said of it waits, and creates nobody")
CONFLICT: Final = Ignored("conflict", "another anchor came under the same userName: only what takes access counts")
PROBE: Final = Ignored("probe", "a test user of the client's, by the connection's patterns")


@dataclass(frozen=True, slots=True)
class Meant:
    """What a record says, and what it teaches; the latter is put into effect once the former is on its way."""

    said: ParsedPayload
    learned: Learned
    before: tuple[SourceEvent, ...] = ()
    """What has to be known of subjects before that: they were in a group, at the target alone, which they are leaving.
    Nobody would else take them out of it there, since we have never given it to them."""


def subject_name(connection: str, id: str) -> str:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
    """Of a user of a connection, as `streamproc identities` shows it behind `scim/`: seeded ids may be in several."""
    return f"{connection}/{id}"


def meant(
    known: KnownSubjects,
    connection: ScimConnection,
    event: ScimEvent,
    folded: Folded,
    *,
    offset: int,
    appended: Millis,
) -> Meant:
    """What a valid record means. `appended`: ms since 1970, when the broker had it."""
    moment = Micros(max(micros_of(appended), known.moment + 1))
    page = _Page(known, connection, event, folded, offset, moment)
    match event.type:
        case "User":
            return page.user()
        case "Group":
            return page.group()


@dataclass(frozen=True, slots=True)
class _Page:
    """One record, and what was known before it."""

    known: KnownSubjects
    connection: ScimConnection
    event: ScimEvent
    folded: Folded
    offset: int
    moment: Micros

    def user(self) -> Meant:
        before, after = self.folded.before, self.folded.after
        if after is None:
            return self._deleted(before)
        was = self.known.subject(after.id)
        returns = was is not None and was.deleted  # a seed, under the target's id
        grouped = frozenset[str]() if was is None else was.grouped
        was = None if returns else was
        subject = was or Subject(probe=is_probe(after, self.connection))
        if subject.probe:
            return self._meant([], [PROBE] if was is None else [], {after.id: subject})
        spoken = self._spoken(before, after) if self.event.change != "seed" else frozenset()
        _, by_client = parted(after)
        subject = replace(subject, said=subject.said | spoken)
        subject = identified(subject, after, self.connection)
        subject = replace(subject, manager=_manager(by_client, subject, self.connection))
        withheld = subject.withheld
        whole = was is not None and was.withheld and not withheld
        names = subject.said if whole else spoken
        if self.event.change == "none" and was is not None and not whole:
            names -= was.said
        told: list[Ignored] = []
        facts: dict[str, Fact] = {}
        if names or withheld:
            reading = read(by_client, names, self.connection.options)
            facts = self._with_manager(reading.facts, subject)
            told = list(reading.told(subject_name(self.connection.name, after.id)))
        if self.event.change == "create":
            facts = {ACTIVE: True, **self._made_anew(subject.anchor), **facts}
        if facts and was is not None and not was.said:  # it was seeded
            facts = {**self._login(after), **facts}
        if was is None or whole or grouped:
            facts |= self._groups(self.known.groups_of(after.id), grouped)
        if returns:
            facts[GONE] = None
        if withheld:
            facts = {ACTIVE: False} if facts.get(ACTIVE) is False else {}
            told.append(self._of(CONFLICT, after.id))
        elif subject.anchor is None and facts and self.event.change != "none":
            told.append(self._of(UNLINKED, after.id))
        grouped = self._grouped(after.id, was) if withheld else frozenset()
        taught = {after.id: replace(subject, grouped=grouped)}
        events = [self._event(after.id, subject, facts, 0)] if facts else []
        if was is None or was.anchor != subject.anchor:
            events += self._of_reports(after.id, subject)
        return self._meant(events, told, taught)

    def group(self) -> Meant:
        before, after = self.folded.before, self.folded.after
        group = after or before
        if group is None or not self.folded.changed:
            return self._meant([], [], {})
        members = self._members(group.id)
        old = self.known.group_name(group.id)
        name = None if after is None else str(after.attributes["displayName"])
        concerned = {*members}
        if old != name and old is not None:
            there = self.known.members(group.id)
            concerned |= {each for each, by_client in there.items() if by_client or name is None}
        if self.event.change == "seed":
            concerned = set()
        gone_names = {each for each in (old,) if each is not None and each != name}
        learned = Learned(self.moment, {}, group.id, name, members)
        events: list[SourceEvent] = []
        earlier: list[SourceEvent] = []
        there = self.known.members_among(group.id, concerned)
        for index, each in enumerate(sorted(concerned)):
            subject = self.known.subject(each)
            if subject is None or subject.deleted or subject.probe:
                continue
            inside = after is not None and members.get(each, each in there)
            names = set(self.known.groups_of(each)) - {old}
            out = set(gone_names)
            if name is not None:
                (names if inside else out).add(name)
            if subject.withheld:
                names &= subject.grouped
                out &= subject.grouped
                if not out:
                    continue
            if not inside and there.get(each) is False and old is not None:
                was_in = self._event(each, subject, self._groups({*names, old}, ()), index)
                order = (self.moment, self.offset - 1, "")
                earlier.append(replace(was_in, event=f"{was_in.event}/before", order=order))
            events.append(self._event(each, subject, self._groups(names, out), index))
        return Meant(ParsedPayload(events=tuple(events)), learned, tuple(earlier))

    def _made_anew(self, anchor: str | None) -> dict[str, Fact]:
        """When somebody came in the place of a user who is deleted: it may reach the person before the deletion does.

        Not of a second account beside one that is there. As a newer one it would wait until that is deleted, and let
        in again who has left.
        """
        others = [] if anchor is None else [self.known.subject(each) for each in self.known.anchored(anchor)]
        alone = all(each is None or each.deleted for each in others)
        return {BEGAN: self.moment} if others and alone else {}

    def _deleted(self, before: ScimResource | None) -> Meant:
        subject = None if before is None else self.known.subject(before.id)
        if before is None or subject is None:
            return self._meant([], [], {})
        gone = replace(subject, deleted=True, withheld=False, manager=None, said=frozenset())
        taught = {before.id: replace(gone, grouped=self._grouped(before.id, subject))}
        if subject.probe:
            return self._meant([], [], taught)
        facts: dict[str, Fact] = {} if subject.said else self._login(before)
        events = [self._event(before.id, subject, {**facts, ACTIVE: False, GONE: True}, 0)]
        nobody = subject.anchor is None and before.posted is None  # of whom a client has made that was told then
        return self._meant(events, [self._of(UNLINKED, before.id)] if nobody else [], taught)

    def _login(self, seeded: ScimResource) -> dict[str, Fact]:
        """The name under which the target has somebody: by it a leaver is found of whom nothing else was ever said."""
        return dict(read(seeded.attributes, [LOGIN], self.connection.options).facts)

    def _grouped(self, id: str, was: Subject | None) -> frozenset[str]:  # noqa: A002 - the attribute's name
        """Names of the groups that were said of a user, of whom nothing but what takes access is said from here on."""
        if was is not None and was.withheld:
            return was.grouped
        return frozenset(self.known.groups_of(id))

    def _spoken(self, before: ScimResource | None, after: ScimResource) -> frozenset[str]:
        """Facts of which this record speaks. Who is made without a word on `active` is active."""
        resources = [each.attributes for each in (before, after) if each is not None]
        spoken = touched(self.event.written, self.connection.options, *resources)
        return spoken | {ACTIVE} if self.event.change == "create" else spoken

    def _members(self, group: str) -> dict[str, bool | None]:
        """What becomes of members. A PUT with members speaks of all of them, also of those that were there."""
        by_client = self.event.change != "seed"
        members: dict[str, bool | None] = {}
        part = self.event.members
        whole = self.event.change == "put" and "members" in self.event.written
        if whole and (part is None or part.part == part.parts):
            members |= dict.fromkeys((each for each, told in self.known.members(group).items() if not told), True)
        members |= dict.fromkeys(self.folded.added, by_client)
        return members | dict.fromkeys(self.folded.removed)

    def _groups(self, names: Iterable[str], out: Iterable[str]) -> dict[str, Fact]:
        """Groups as facts: one for each, and the list of all. `out`: those that they aren't in any more."""
        now = sorted(names)
        facts: dict[str, Fact] = {f"{GROUP}{each}": None for each in sorted(out) if each not in now}
        facts |= {f"{GROUP}{each}": each for each in now}
        return {**facts, GROUPS: [*now]} if facts else {}

    def _with_manager(self, facts: dict[str, Fact], subject: Subject) -> dict[str, Fact]:
        """The manager by anchor, where it is the id of a user here; not said, while that is nobody."""
        who = None if subject.manager is None else self.known.subject(subject.manager)
        if MANAGER not in facts or who is None:
            return facts
        if who.anchor is not None:
            return {**facts, MANAGER: who.anchor}
        return {name: value for name, value in facts.items() if name != MANAGER}

    def _of_reports(self, manager: str, subject: Subject) -> Iterator[SourceEvent]:
        """Their manager, now that it is known who that is."""
        if subject.anchor is None:
            return
        for index, each in enumerate(sorted(self.known.reports(manager)), 1):
            report = self.known.subject(each)
            if each != manager and report is not None and not (report.deleted or report.probe or report.withheld):
                yield self._event(each, report, {MANAGER: subject.anchor}, index)

    def _event(self, id: str, subject: Subject, facts: dict[str, Fact], index: int) -> SourceEvent:  # noqa: A002
        name = f"{self.offset}/{index}"
        anchor = None if subject.withheld else subject.anchor
        order = (self.moment, self.offset, name)
        reason = f"{self.event.change} {self.event.type}"
        where = subject_name(self.connection.name, id)
        return SourceEvent(where, name, "change", order, facts, anchor, reason=reason)

    def _of(self, ignored: Ignored, id: str) -> Ignored:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        return replace(ignored, subject=subject_name(self.connection.name, id))

    def _meant(self, events: Iterable[SourceEvent], told: Iterable[Ignored], taught: dict[str, Subject]) -> Meant:
        return Meant(ParsedPayload(events=tuple(events), ignored=tuple(told)), Learned(self.moment, taught))


def _manager(attributes: dict[str, Any], subject: Subject, connection: ScimConnection) -> str | None:
    if MANAGER not in subject.said:
        return None
    value = read(attributes, [MANAGER], connection.options).facts.get(MANAGER)
    return value if isinstance(value, str) else None
