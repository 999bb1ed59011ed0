"""The lines of a bundle, redacted by the rules of `redaction.py`.

Partitions become one: what lies between the same two mappings comes in the order in which it was appended. Where
partitions had mappings in another order, there is one for each such order.

The redacted events are folded beside the original ones, and each pair of records has to agree in effect, dates,
problems and kinds of operations. So the redacted bundle proves what the original one proves.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from streamproc.audit.evidence.format import CONTROLS, EVENTS, OUTCOMES, RECORDS, TOPICS, Contents, lines, read_small
from streamproc.audit.evidence.pseudonyms import MARK, Places, Words, seq_among
from streamproc.audit.evidence.raw_line import Line, line_of
from streamproc.audit.evidence.redacted_facts import Facts
from streamproc.audit.evidence.redacted_orders import redacted_mapping, redacted_order
from streamproc.audit.evidence.redaction import WHOLE, Redaction, cancelling, orders_in, remembered_in, times_in
from streamproc.audit.evidence.runs import Rules, Run, event_of, user_of
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.spool import Spool
from streamproc.audit.orders import RETRY, by_whom
from streamproc.core.errors import EvidenceError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, Step, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.control import CONTROL, RECONCILE
from streamproc.core.records.finding import is_look
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.resource import withheld
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import OURS, Cause

SAME: Final = ("due", "as_of", "effect", "mapping", "problems")
"""Fields of a record that stay as they were, as do the kinds of its operations."""


class _User:
    """One user: where their events lay, and lie now, and their redacted records."""

    def __init__(self) -> None:
        self.places = Places()
        self.seqs: list[int] = []
        self.new: list[int] = []
        self.records: dict[int, int] = {}
        """Seq, counted anew → index of the redacted record in the spool."""
        self.hashes: list[str] = []

    def moved(self, seq: int, new: int) -> None:
        """What lay at `seq` lies at `new`."""
        if not self.seqs or self.seqs[-1] != seq:
            self.seqs.append(seq)
            self.new.append(new)

    def seq(self, seq: int) -> int:
        """A seq, counted anew."""
        return seq_among(self.seqs, self.new, seq)


NOWHERE: Final = -1
"""Offset of what isn't in a bundle: a finding's place would tell whom it is about."""


class Redacted:
    """A bundle, redacted. `original` has no findings. `files` are read once, in their order.

    `keep`: facts that stay because somebody said so.
    """

    def __init__(self, original: Contents, key: bytes, spool: Spool, keep: Collection[str] = ()) -> None:
        self._key, self._spool = key, spool
        self._texts = {name: read_small(original, name) for name in original.names if name.startswith("mappings/")}
        self._facts = Facts([parse_mapping(text.decode()) for text in self._texts.values()], keep)
        ordered = sorted(map(line_of, lines(original, CONTROLS)), key=lambda line: line.timestamp)
        self._orders = {
            line.position: (number, line, CONTROL.validate_json(line.value or b""))
            for number, line in enumerate(ordered)
        }
        self._users: dict[str, _User] = {}
        self._hashes: dict[str, list[str]] = {}
        self._appended: list[list[Millis]] = []
        """Of each group, when each of its events was appended."""
        for name in (EVENTS, RECORDS, OUTCOMES):
            spool.fill(name, map(line_of, lines(original, name)))
        self._groups = self._grouped()
        for user in self._users.values():
            user.places.settle()

    def files(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Name and content of each file of raw lines, and of the mappings."""
        yield EVENTS, self._events()
        yield RECORDS, self._records()
        yield OUTCOMES, self._outcomes()
        yield CONTROLS, self._controls()
        for name, text in self._texts.items():
            yield name, [text]

    def chosen(self, scope: Scope) -> Scope:
        """Whose evidence it is, redacted."""
        return Scope(tuple(sorted(Words.user(self._key, user) for user in scope.users)), scope.first, scope.until)

    def as_object(self) -> dict[str, Any]:
        """As JSON for the manifest, once the files were read."""
        return {"prefix": MARK, "kept": self._facts.kept, "hidden": sorted(self._facts.hidden), "whole": list(WHOLE)}

    def linked(self, tally: dict[str, Any]) -> dict[str, Any]:
        """A user's line of the chain, with what stands in for the original record's hash beside each record."""
        for record, digest in zip(tally["records"], self._hashes[tally["user"]], strict=True):
            record["original"] = digest
        return tally

    def _grouped(self) -> list[list[int]]:
        """Partitions that had the same mappings, one after the other. What is said of each user is looked at once."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for partition in self._spool.partitions(EVENTS):
            rules = Rules()
            for line in self._spool.read(EVENTS, partition):
                event = event_of(line)
                if event is None or event.kind != "mapping":
                    self._look_at(line, event)
                else:
                    rules.taken(line, event)
            groups.setdefault(tuple(rules.marks), []).append(partition)
        shuffled = Words(self._key, "partitions")
        return [sorted(groups[marks], key=lambda each: shuffled.word(str(each))) for marks in sorted(groups, key=str)]

    def _look_at(self, line: Line, event: ChangeEvent | None) -> None:
        places = self._users.setdefault(user_of(line), _User()).places
        if event is not None:
            facts = None if event.move is None else event.move.facts
            origins = [(event.origin, event.subject)]
            origins += [] if facts is None else [(facts.origin, facts.subject)]
            places.take(origins, orders_in(event), times_in(event), cancelling(event), remembered_in(event))

    def _redaction(self, user: str) -> Redaction:
        return Redaction(self._key, user, self._facts, self._users[user].places)

    def _merged(self, number: int) -> Iterator[tuple[list[Line], Line]]:
        """A group's events as one partition: as they are now, each with what it was; a mapping was in each of them."""
        runs = [Run(self._spool.read(EVENTS, partition)) for partition in self._groups[number]]
        offset = 0
        while True:
            for _, line in heapq.merge(*(run.events() for run in runs), key=lambda each: each[0]):
                yield [line], self._hidden(line, number, offset)
                offset += 1
            switches = [run.switch for run in runs if run.switch is not None]
            if not switches:
                return
            line, event = max(switches, key=lambda switch: switch[0].timestamp)
            order = self._orders.get((event.origin.partition, event.origin.offset))
            value = orjson.dumps(redacted_mapping(self._key, event, 0 if order is None else order[0]))
            yield [each for each, _ in switches], Line(number, offset, line.timestamp, line.key, value)
            offset += 1

    def _hidden(self, line: Line, number: int, offset: int) -> Line:
        event, user = event_of(line), user_of(line)
        key = Words.user(self._key, user).encode()
        # What led to nothing isn't known, nor is what it holds.
        value = None if event is None else orjson.dumps(self._redaction(user).event(event))
        return Line(number, offset, line.timestamp, key, value)

    def _before(self, number: int, until: int | None = None) -> Iterator[StoredRecord]:
        for _, line in self._merged(number):
            if until is not None and line.offset >= until:
                return
            yield line.logged(TOPICS[EVENTS])

    def _original(self, partition: int) -> Refold:
        def before(until: int | None = None) -> Iterator[StoredRecord]:
            for line in self._spool.read(EVENTS, partition):
                if until is not None and line.offset >= until:
                    return
                yield line.logged(TOPICS[EVENTS])

        return Refold(before, first_mapping(before()))

    def _events(self) -> Iterator[bytes]:
        for number, group in enumerate(self._groups):
            old = {partition: self._original(partition) for partition in group}
            new = Refold(partial(self._before, number), first_mapping(self._before(number)))
            self._appended.append([])
            for was, line in self._merged(number):
                self._appended[-1].append(line.timestamp)
                steps = [old[each.partition].take(each.logged(TOPICS[EVENTS])) for each in was]
                self._compare(steps, new.take(line.logged(TOPICS[EVENTS])))
                yield line.encoded()

    def _compare(self, old: Sequence[Step], new: Step) -> None:
        records = {user: (step, value) for step in old for user, value in step.records.items()}
        words = {user: Words.user(self._key, user) for user in records}
        seq, offset = old[0].logged.offset, new.logged.offset
        if {step.rejected for step in old} != {new.rejected} or set(words.values()) != new.records.keys():
            raise EvidenceError(f"it can't be redacted: the event at offset {seq} would lead to something else")
        if old[0].event is None or old[0].event.kind != "mapping":
            self._users[user_of(old[0].logged)].moved(seq, offset)
        for name, (step, value) in records.items():
            hidden = new.records[words[name]]
            was, now = orjson.loads(value), orjson.loads(hidden)
            differing = [each for each in SAME if was[each] != now[each]]
            if [each["op"] for each in was["operations"]] != [each["op"] for each in now["operations"]]:
                differing.append("operations")
            if differing:
                raise EvidenceError(
                    f"it can't be redacted: the record of user {name} at seq {step.logged.offset} would have another "
                    f"{', '.join(differing)}; make it without --redact, or --keep the facts that tell the difference"
                )
            user = self._users[name]
            user.moved(step.logged.offset, offset)
            user.records[offset] = self._spool.put(hidden)
            self._hashes.setdefault(words[name], []).append(self._redaction(name).original(was["hash"]))

    def _records(self) -> Iterator[bytes]:
        """Each beside its event, in time too: partitions are folded at a pace of their own, which would tell them."""
        for number, group in enumerate(self._groups):
            found: list[tuple[int, bytes, int]] = []
            for line in (each for partition in group for each in self._spool.read(RECORDS, partition)):
                name, seq = user_of(line), orjson.loads(line.value or b"")["seq"]
                user = self._users[name]
                new = user.seq(seq)
                found.append((new, Words.user(self._key, name).encode(), user.records[new]))
            for offset, (seq, key, index) in enumerate(sorted(found)):
                yield Line(number, offset, self._appended[number][seq], key, self._spool.get(index)).encoded()

    def _outcomes(self) -> Iterator[bytes]:
        """In the order in which they were appended."""
        for number, group in enumerate(self._groups):
            runs = (Run(self._spool.read(OUTCOMES, partition)).events() for partition in group)
            for offset, (_, line) in enumerate(heapq.merge(*runs, key=lambda each: each[0])):
                key = Words.user(self._key, user_of(line)).encode()
                yield Line(number, offset, line.timestamp, key, self._outcome(line)).encoded()

    def _outcome(self, line: Line) -> bytes:
        outcome, user = OUTCOME.validate_json(line.value or b""), self._users[user_of(line)]
        cause, problems = outcome.cause, list[str]()
        if cause is not None and cause.source == OURS and not outcome.final:
            cause = self._ordered(cause, outcome.user)
        elif (index := user.records.get(user.seq(outcome.seq))) is not None:
            record = orjson.loads(self._spool.get(index))
            cause = Cause(**record["cause"] | {"origin": Origin(**record["cause"]["origin"])})
            problems = [*withheld(record["desired"]), *record["problems"]]
        return orjson.dumps(self._redaction(outcome.user).outcome(outcome, cause, problems, user.seq))

    def _ordered(self, cause: Cause, user: str) -> Cause:
        """The cause of what an order led to, or of what was only tried again."""
        if cause.event == RETRY or is_look(cause):
            reason = self._redaction(user).words.prose(cause.reason)
            return Cause(OURS, cause.event, replace(cause.origin, partition=0, offset=NOWHERE), reason)
        number, _, control = self._orders[cause.origin.partition, cause.origin.offset]
        hidden = redacted_order(self._key, control, None)
        return Cause(OURS, hidden.id, replace(cause.origin, partition=0, offset=number), by_whom(hidden))

    def _controls(self) -> Iterator[bytes]:
        for number, line, control in self._orders.values():
            user = self._users.get(control.user or "")
            since = control.since
            if since is not None:
                since = 0 if user is None or control.action in RECONCILE else user.seq(since)
            hidden = redacted_order(self._key, control, since)
            said = {name: getattr(hidden, name) for name in orjson.loads(line.value or b"")}
            yield Line(0, number, line.timestamp, hidden.key.encode(), orjson.dumps(said)).encoded()
