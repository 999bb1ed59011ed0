"""Folds one partition of `identity.changes` by the mappings that were in force, and beside that by another mapping.

Rule 1: the old side does what the worker did, without what costs time: no hash, no encoding.
Rule 2: the new side takes in the facts that the other mapping reads from the beginning on, as a switch of mappings
does. Until the other mapping comes into force, the new side desires what the old side does; from then on the log's own
mappings don't count for it.
Rule 3: both sides are compared as of the same moment. A date that both wait for passes when the log says so; a date
that only the new side has passes as soon as the log has anything later.
Rule 4: "now" is what bringing the other mapping into force does at the end, to what is desired by the old side then:
whoever is known already stays known, whatever the other mapping would have made of them from the beginning on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.fold.claims import reheard
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, facts_heard, readable_events, switched
from streamproc.core.fold.plan import plan
from streamproc.core.fold.scope import Standing, desire, standing
from streamproc.core.records.change_event import ChangeEvent, Fact, decode_event
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.resource import Resource
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import Millis, micros_of
from streamproc.mapping_preview.impact import Impact, Moment
from streamproc.mapping_preview.known import Known


@dataclass(slots=True)
class Beside:
    """One user on both sides. As long as both mappings read the same facts, `old` and `new` are one object."""

    old: Known
    new: Known
    was: Resource
    """Desired by the old side."""
    would: Resource
    """Desired by the new side."""
    was_problems: list[str]
    """Problems of the old side."""
    would_problems: list[str]
    """Problems of the new side."""
    listed: bool = False
    """Whether `new.due` is in the calendar."""
    touched: bool = False
    out: bool = False
    let_in: bool = False


class WhatIf:
    """Folds a partition on both sides. `before(offset)` reads the partition's records below an offset once more.

    `rules`: the mapping that its log begins with (`refold.first_mapping`); None: it names none, and `assumed` is used.
    `since`: from when on the other mapping is in force, in ms since 1970; None: from the beginning.
    """

    def __init__(
        self,
        before: Callable[[int], Iterable[StoredRecord]],
        rules: MappingInForce | None,
        assumed: Mapping | None,
        mapping: Mapping,
        *,
        since: int | None = None,
        examples: int = 5,
    ) -> None:
        old = assumed if rules is None else compiled(rules.digest, rules.text)
        assert old is not None
        self.old, self._new = old, mapping
        self._rules = rules
        self._before = before
        self._since = since
        self._shared = old.facts == mapping.facts
        self._begun = since is None
        self._users: dict[str, Beside] = {}
        self._dates: list[tuple[int, str]] = []
        self._now = Millis(0)
        self._impact = Impact(examples)

    def take(self, logged: StoredRecord) -> None:
        """Fold the next record on both sides."""
        self._now = max(self._now, logged.timestamp)
        if not self._begun and logged.timestamp >= (self._since or 0):
            self._begin()
        if self._dates:
            self._pass_dates(logged.timestamp)
        try:
            event = decode_event(logged.value or b"")
        except ValidationError:
            self._impact.unreadable += 1
            return
        if event.kind == "mapping":
            self._switch(logged, event)
        else:
            self._impact.events += 1
            self._fold(event)

    def impact(self, now: Millis | None = None) -> Impact:
        """The counts. `now`: when the mapping would come into force now, in ms since 1970; None: at the end."""
        now = self._now if now is None else max(now, self._now)
        if not self._begun and now >= (self._since or 0):
            self._begin()
        impact = self._impact
        impact.users = len(self._users)
        same = self.old.digest == self._new.digest
        for user, here in self._users.items():
            was, was_problems = here.was, here.was_problems
            if here.old.waits(now):
                was, was_problems = here.old.desired(user, self.old, now, was)
            would, would_problems, stands = self._applied(user, here, now, was)
            if same:  # an order that names the mapping in force changes nothing
                would, would_problems = was, was_problems
            impact.stands(stands)
            self._compare(user, here, was, would)
            impact.touched += here.touched
            impact.out += here.out
            impact.let_in += here.let_in
            if was != would:
                impact.difference(user, was, would)
            if was_problems != would_problems:
                impact.problems(was_problems, would_problems)
        impact.settle()
        return impact

    def _applied(self, user: str, here: Beside, now: Millis, was: Resource) -> tuple[Resource, list[str], Standing]:
        """What a worker that switches to the other mapping `now` makes of what was desired until then (rule 4)."""
        facts = here.old.facts if here.new is here.old else reheard(here.old.facts, here.new.facts)
        seen = self._new.view(facts, max(now, here.old.as_of))
        return *desire(self._new, user, seen, was), standing(self._new, seen, was)

    @property
    def _alike(self) -> bool:
        """Whether both mappings weigh the same facts alike."""
        old, new = self.old.file, self._new.file
        of_access = old.attributes.active == new.attributes.active
        return of_access and old.authority == new.authority and old.attributes.userName == new.attributes.userName

    def _fold(self, event: ChangeEvent) -> None:
        user = event.user
        here = self._users.get(user)
        fresh = here is None
        if here is None:
            nothing, known = Resource(externalId=user), Known({})
            new = known if self._shared else Known({})
            here = self._users[user] = Beside(known, new, nothing, nothing, [], [])
        old = here.old.take(event, self.old)
        beside = None if self._begun else here.old
        new_too = old if here.new is here.old else here.new.take(event, self._new, beside)
        seen = self._old_side(user, here, fresh=fresh) if old else None
        if not self._begun:
            return
        if new_too:
            self._new_side(user, here, seen, fresh=fresh)
        if old or new_too:
            self._compare(user, here, here.was, here.would)
        if here.new is not here.old and here.new.due is not None and (new_too or not here.listed):
            self._list(user, here)

    def _old_side(self, user: str, here: Beside, *, fresh: bool = False) -> dict[str, Fact] | None:
        """Returns the facts that hold, if they hold on the new side as well."""
        before = here.was
        seen = here.old.view(self.old)
        here.was, here.was_problems = desire(self.old, user, seen, None if fresh else before)
        if self._begun and (fresh or here.was != before):
            self._impact.old.update(operation.op for operation in plan(None if fresh else before, here.was))
        return seen if self._alike and here.old is here.new else None

    def _new_side(self, user: str, here: Beside, seen: dict[str, Fact] | None = None, *, fresh: bool = False) -> None:
        before = here.would
        if seen is not None and self.old.digest == self._new.digest:
            here.would, here.would_problems = here.was, here.was_problems
        else:
            seen = here.new.view(self._new) if seen is None else seen
            here.would, here.would_problems = desire(self._new, user, seen, None if fresh else before)
        if fresh or here.would != before:
            self._impact.new.update(operation.op for operation in plan(None if fresh else before, here.would))
        if here.would == here.was:
            here.would = here.was  # one of the two is enough to keep

    def _compare(self, user: str, here: Beside, was: Resource, would: Resource) -> None:
        if would is was or would == was:
            return
        here.touched = True
        before, after = was.get("active"), would.get("active")
        if after is False and before is not False and not here.out:
            here.out = True
            self._impact.out_examples.append(Moment(user, self._now))
        elif after is True and before is not True and not here.let_in:
            here.let_in = True
            self._impact.let_in_examples.append(Moment(user, self._now))

    def _begin(self) -> None:
        """The other mapping comes into force, for the period."""
        self._begun = True
        same = self.old.digest == self._new.digest
        for user, here in self._users.items():
            here.would, here.would_problems = here.was, here.was_problems
            if not same:
                here.would, here.would_problems = here.new.desired(user, self._new, before=here.would)
            if here.would != here.was:
                self._impact.new.update(operation.op for operation in plan(here.was, here.would))
                self._compare(user, here, here.was, here.would)
        self._list_all()

    def _switch(self, logged: StoredRecord, event: ChangeEvent) -> None:
        """The log's own mapping changes, as in `Refold`."""
        try:
            rules = switched(self._rules, logged.offset, logged.timestamp, event)
        except MappingError:
            return
        if rules is None:
            return
        old, new = self.old, compiled(rules.digest, rules.text)
        self._rules, self.old = rules, new
        if old.digest == new.digest:
            return
        facts = (
            None
            if old.facts == new.facts
            else facts_heard(readable_events(record.value for record in self._before(logged.offset)), new.facts)
        )
        self._shared = self._shared and facts is None
        for user, here in self._users.items():
            if facts is not None and here.new is here.old:
                here.new = Known(here.old.facts, here.old.as_of, here.old.due)
            if facts is not None:
                here.old = Known(reheard(here.old.facts, facts.get(user, {})), here.old.as_of)
            here.old.pass_time(event.origin.appended, anew=True)
            new_too = here.new is here.old or here.new.pass_time(event.origin.appended)
            seen = self._old_side(user, here)
            if self._begun:
                if new_too:
                    self._new_side(user, here, seen)
                self._compare(user, here, here.was, here.would)
        if self._begun:
            self._list_all()

    def _pass_dates(self, now: Millis) -> None:
        """Pass the dates that only the new side waits for (rule 3)."""
        while self._dates and self._dates[0][0] <= micros_of(now):
            due, user = heappop(self._dates)
            here = self._users[user]
            if here.new.due != due:
                continue
            here.listed = False
            if not here.old.waits(now) and here.new.pass_time(now):
                self._new_side(user, here)
                self._compare(user, here, here.was, here.would)
                if here.new.due is not None:
                    self._list(user, here)

    def _list(self, user: str, here: Beside) -> None:
        assert here.new.due is not None
        here.listed = True
        heappush(self._dates, (here.new.due, user))

    def _list_all(self) -> None:
        self._dates = []
        for user, here in self._users.items():
            here.listed = here.new is not here.old and here.new.due is not None
            if here.listed and here.new.due is not None:
                self._dates.append((here.new.due, user))
        heapify(self._dates)
