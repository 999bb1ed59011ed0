"""Answers "as of" from a history, about one user or all, one partition after the other.

What was desired is folded anew and compared with the record in `scim.operations`, which the sink worked by. Where they
differ, the answer is the record's, and says that they differ. Memory holds one partition's users, and which event
stated each fact.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import ValidationError

from streamproc.audit.asof.answer import (
    AsOf,
    MappingAtMoment,
    Reason,
    Recorded,
    StatedFacts,
    UnchangedSince,
    in_force,
    reasons,
    upcoming,
)
from streamproc.audit.asof.explain import Explainer
from streamproc.audit.asof.found import FoundFold
from streamproc.audit.asof.policies import policies
from streamproc.audit.asof.target_state import TargetStateFold
from streamproc.core.errors import HistoryError
from streamproc.core.fold.claims import ambiguous
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.fold.refold import Refold, Step, first_mapping
from streamproc.core.records.mapping_in_force import MARK, MappingInForce
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import History, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, FINDINGS, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import CHANGED, UserRecord, decode, sealed

NEEDED: Final = (CHANGES, OPERATIONS, OUTCOMES)
"""Topics that an answer is made from."""
BESIDE: Final = (FINDINGS, CONTROLS)
"""Topics of which an answer tells as well, where they are there."""
_SILENT: Final = b'"requests":[]'
_SEEDS: Final = b'"seed":['
"""A record without these bytes seeds nothing."""


def as_of(history: History, at: int, user: str | None = None, assumed: MappingInForce | None = None) -> Iterator[AsOf]:
    """The answers at a moment (ms since 1970), by partition and user ID, about one user or about all whom the log knew.

    Of one user only their partition is read. `assumed`: the mapping that a partition begins with where its log names
    none. Raises HistoryError, and what reading the history raises.
    """
    for partition in range(history.partitions) if user is None else [partition_of(user.encode(), history.partitions)]:
        yield from within(history, partition, at, user, assumed)


def within(
    history: History, partition: int, at: int, user: str | None = None, assumed: MappingInForce | None = None
) -> Iterator[AsOf]:
    """The answers of one partition; the same otherwise."""
    yield from _Partition(history, partition, at, user).answers(assumed)


@dataclass(slots=True)
class _Partition:
    """One partition, as it stood at a moment."""

    history: History
    partition: int
    at: int
    user: str | None
    stated: StatedFacts = field(default_factory=StatedFacts)
    unchanged: dict[str, UnchangedSince] = field(default_factory=dict)
    """By user."""
    recorded: dict[str, bytes] = field(default_factory=dict)
    """User → the record of the same seq in `scim.operations`; where there is none, a record that can't be read."""
    target: dict[str, TargetStateFold] = field(default_factory=dict)
    """By user."""
    found: dict[str, FoundFold] = field(default_factory=dict)
    """By user."""
    in_force: dict[str, MappingAtMoment] = field(default_factory=dict)
    """By the mapping's digest."""
    explainers: dict[str, Explainer] = field(default_factory=dict)

    def answers(self, assumed: MappingInForce | None) -> Iterator[AsOf]:
        refold = self._refolded(assumed)
        if refold.records:
            self._compare(refold.records)
            self._fold_outcomes(refold.records)
            self._fold_findings(refold.records)
        for user in sorted(refold.records):
            yield self._answer(user, refold.records[user])

    # What was desired

    def _refolded(self, assumed: MappingInForce | None) -> Refold:
        """The users as they stood after all that had been appended by the moment."""
        first = first_mapping(self.history.read(CHANGES, self.partition)) or assumed
        refold = Refold(self._below, first)
        if first is not None:
            self._enforce(first, first=True)
        for logged in self._changes():
            if refold.mapping is None:
                raise HistoryError(
                    f"{CHANGES}, partition {self.partition}: no mapping is named from offset {logged.offset} on, so "
                    "nothing can be folded anew. Start a worker of this version, which appends the one that it uses, "
                    "or give that one: --mapping FILE"
                )
            before = refold.rules
            self._step(refold.take(logged))
            if refold.rules is not None and refold.rules is not before:
                self._enforce(refold.rules, first=False)
        return refold

    def _changes(self) -> Iterator[StoredRecord]:
        """The records that had been appended by the moment."""
        for logged in self._below(None):
            if logged.timestamp > self.at:
                return
            yield logged

    def _below(self, offset: int | None) -> Iterator[StoredRecord]:
        key = None if self.user is None else self.user.encode()
        for logged in self.history.read(CHANGES, self.partition):
            if offset is not None and logged.offset >= offset:
                return
            if key is None or logged.key == key or MARK in (logged.value or b""):
                yield logged

    def _step(self, step: Step) -> None:
        if step.event is not None and step.records:
            self.stated.add(step.logged.offset, step.logged.timestamp, step.event)
        for user, value in step.records.items():
            if CHANGED in value or user not in self.unchanged:
                desired = orjson.loads(value)["desired"]
                self.unchanged.setdefault(user, UnchangedSince()).take(
                    desired, step.logged.offset, step.logged.timestamp
                )

    def _enforce(self, rules: MappingInForce, *, first: bool) -> None:
        self.in_force[rules.digest] = in_force(rules, first=first)
        self.explainers[rules.digest] = Explainer(compiled(rules.digest, rules.text))

    # What is recorded of it

    def _compare(self, records: dict[str, bytes]) -> None:
        """Keep the record of each user's seq. Of several with one seq, keep one that isn't what was folded."""
        wanted = {
            user.encode(): (user, value, value[: value.index(b'"seq":') + 6], _seq(value))
            for user, value in records.items()
        }
        broken: dict[str, bytes] = {}
        for logged in self._of(OPERATIONS):
            known = wanted.get(logged.key or b"")
            if logged.value is None or known is None:
                continue
            user, folded, begins, seq = known
            recorded_seq = _seq(logged.value, begins)
            if recorded_seq == seq and self.recorded.get(user) in {None, folded}:
                self.recorded[user] = logged.value
            elif recorded_seq is None:
                broken[user] = logged.value
        self.recorded = broken | self.recorded

    def _fold_outcomes(self, records: dict[str, bytes]) -> None:
        for logged in self._of(OUTCOMES):
            user = (logged.key or b"").decode(errors="replace")
            if logged.value is not None and user in records and _SILENT not in logged.value:
                if user not in self.target:
                    seeds = decode(records[user]).desired if _SEEDS in records[user] else None
                    self.target[user] = TargetStateFold(self.at, seeds)
                target = self.target[user]
                try:
                    target.take(orjson.loads(logged.value))
                except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                    raise HistoryError(
                        f"{OUTCOMES}, partition {self.partition}, offset {logged.offset}: isn't an outcome. "
                        "See streamproc replay --verify"
                    ) from error

    def _fold_findings(self, records: dict[str, bytes]) -> None:
        for topic, take in ((FINDINGS, FoundFold.take), (CONTROLS, FoundFold.take_order)):
            for logged in self._of(topic):
                if logged.timestamp > self.at:
                    break
                user = (logged.key or b"").decode(errors="replace")
                if user in records:
                    take(self.found.setdefault(user, FoundFold()), logged)

    def _of(self, topic: str) -> Iterator[StoredRecord]:
        key = None if self.user is None else self.user.encode()
        return self.history.read(topic, self.partition, key=key)

    # The answer

    def _answer(self, user: str, folded: bytes) -> AsOf:
        record, recorded = _compared(folded, self.recorded.get(user))
        overdue = record.due if record.due is not None and record.due <= self.at * 1000 else None
        explainer = self.explainers.get(record.mapping)
        target = self.target.get(user, TargetStateFold(self.at))
        return AsOf(
            user=user,
            at=self.at,
            partition=self.partition,
            seq=record.seq,
            decided=record.as_of,
            desired=record.desired,
            problems=tuple(record.problems),
            overdue=overdue,
            mapping=self.in_force.get(record.mapping),
            recorded=recorded,
            reasons=self._reasons(user, record),
            acknowledged=target.known(),
            policies=tuple(policies(record.desired, target.valued)),
            upcoming=None if explainer is None or recorded == "differs" else upcoming(record, explainer.mapping),
            held=tuple(sorted(n for n, each in record.facts.items() if ambiguous(each))),
            found=self.found.get(user, FoundFold()).known(),
        )

    def _reasons(self, user: str, record: UserRecord) -> tuple[Reason, ...]:
        explainer = self.explainers.get(record.mapping)
        if explainer is None:  # recorded by a mapping that the log doesn't name
            return ()
        unchanged = self.unchanged.get(user, UnchangedSince())
        return reasons(user, explainer.explain(record.facts, record.as_of, record.desired), self.stated, unchanged)


def _seq(value: bytes, begins: bytes | None = None) -> int | None:
    """A record's seq; None: it has none. A record that begins with `begins` needn't be decoded for it."""
    if begins is None or value.startswith(begins):
        first = value.index(b'"seq":') + 6 if begins is None else len(begins)
        digits = value[first : value.find(b',"prev":', first)]
        if digits.isdigit():
            return int(digits)
    try:
        seq = orjson.loads(value)["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return seq if type(seq) is int else None


def _compared(folded: bytes, recorded: bytes | None) -> tuple[UserRecord, Recorded]:
    """The record to answer by, and how the recorded one compares with the folded one."""
    record = decode(folded)
    if recorded is None:
        return record, "missing"
    if recorded == folded:
        return record, "equal"
    try:
        other = decode(recorded)
    except ValidationError:
        return record, "altered"
    return (other, "differs") if sealed(recorded) else (record, "altered")
