"""What is known of a user without a record: facts that one mapping reads, who of them is held, and dates."""

from dataclasses import dataclass

from streamproc.core.fold.authority import EPOCH, key
from streamproc.core.fold.claims import hear, reheard, settled
from streamproc.core.fold.effective_dating import upcoming
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.scope import desire
from streamproc.core.records.change_event import ChangeEvent, Fact, SourceFacts
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Micros, Millis, micros_of


@dataclass(slots=True)
class Known:
    """What is known of a user, of the facts that one mapping reads. `due`, `as_of`: as in `UserRecord`."""

    facts: dict[str, SourceFacts]
    as_of: Millis = EPOCH
    due: Micros | None = None

    def take(self, event: ChangeEvent, mapping: Mapping, beside: "Known | None" = None) -> bool:
        """Absorb an event. Returns whether the desired state may have changed; `fold.py` decides it in the same way.

        `beside`: the side by which it is decided who is held.
        """
        was, now = self.as_of, max(self.as_of, event.origin.appended)
        before, applied = self.facts, False
        if event.kind == "due":
            self.facts = settled(before, dict(before), mapping.file, was, now)
        elif beside is None:
            self.facts, effect = hear(before, event, mapping.file, mapping.facts, was, now)
            applied = effect == "applied"
        else:
            subject = key(event.source, event.subject)
            facts, effect = absorb(before.get(subject), event, mapping.facts)
            self.facts, applied = before | {subject: facts}, effect == "applied"
        if beside is not None:
            self.facts = reheard(beside.facts, self.facts)
        return self.pass_time(event.origin.appended, anew=applied)

    def pass_time(self, now: Millis, *, anew: bool = False) -> bool:
        """Let time pass until `now` (ms since 1970). Returns whether a date has come, or `anew`."""
        self.as_of = max(self.as_of, now)
        if not anew and (self.due is None or self.due > micros_of(self.as_of)):
            return False
        dates = [at for facts in self.facts.values() if facts.rows for at in upcoming(facts, self.as_of).values()]
        self.due = min(dates, default=None)
        return True

    def waits(self, now: Millis) -> bool:
        """Whether a date has come by `now` (ms since 1970) that hasn't passed yet."""
        return self.due is not None and self.due <= micros_of(now)

    def desired(
        self, user: str, mapping: Mapping, now: Millis | None = None, before: Resource | None = None
    ) -> tuple[Resource, list[str]]:
        """What a mapping desires, as of the last event or of a later moment (ms since 1970).

        `before`: what was desired until then; None: nobody knew the user.
        """
        return desire(mapping, user, self.view(mapping, now), before)

    def view(self, mapping: Mapping, now: Millis | None = None) -> dict[str, Fact]:
        """The facts that hold at such a moment."""
        return mapping.view(self.facts, self.as_of if now is None else max(now, self.as_of))
