"""All watchers of one run, and what they are fed with.

    invariants = Invariants(world.fail, count, guard=(20, 100), ...)
    broker.watch(invariants.broker)
    network.watch(genesys.ORIGIN, invariants)
    genesys.watch(invariants.written)
    invariants.watch_sink(sink, process)      # each new one, before it runs; workers, too
    invariants.end()                     # when all is quiet

Kafka's records count once they may be read: those of a transaction when it is committed.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from random import Random
from typing import Any

import orjson

from tests.simulation.invariants.bounds import Bounds, left_in_worker
from tests.simulation.invariants.chain import Chain
from tests.simulation.invariants.confirmations import Confirmations
from tests.simulation.invariants.fates import Fates
from tests.simulation.invariants.findings import BY_ORDER, Findings
from tests.simulation.invariants.guard import Guard
from tests.simulation.invariants.inputs import Inputs
from tests.simulation.invariants.past import Past
from tests.simulation.invariants.requests import Requests
from tests.simulation.invariants.revocations import Revocations
from tests.simulation.invariants.watching import Known, Record, Telling, Write
from tests.simulation.invariants.writes import Writes

OPERATIONS = "scim.operations"
OUTCOMES = "scim.outcomes"
DELIVERIES = "scim.deliveries"
CHANGES = "identity.changes"
FINDINGS = "scim.findings"
CONTROLS = "streamproc.controls"
SILENT = frozenset({"streamproc.status", "streamproc.cursors", "streamproc.topics", "streamproc.mappings"})
"""Topics that no invariant is about."""


class Invariants:
    """`fail(kind, what)` and `count(name)`: where it is told.

    `guard`: users in ten minutes and in a day; `shares`: the same as parts of the active ones. `versioned`: whether the
    target has ETags; `lossy`: whether it accepts names that it doesn't know, and passes over them. `group`: begins the
    names of groups. `process`: the name of a process → what tells it from one of that name that was started later.
    `chance` chooses moments to ask about, if `exact`: all clocks are right.
    """

    def __init__(
        self,
        fail: Callable[[str, str], None],
        count: Callable[[str], None] = lambda _: None,
        *,
        guard: tuple[int, int] = (20, 100),
        shares: tuple[float, float] = (0.0, 0.0),
        versioned: bool = True,
        lossy: bool = False,
        group: str = "streamproc",
        process: Callable[[str], Hashable] = str,
        partitions: int = 1,
        chance: Random | None = None,
        exact: bool = True,
        now: Callable[[], float] = lambda: 0.0,
        fresh: float = 3.1,
    ) -> None:
        self.known = known = Known()
        telling = Telling(fail, count)
        self._group = group
        self._process = process
        self.chain = Chain(known, telling)
        self.fates = Fates(telling)
        self.inputs = Inputs(known, telling)
        self.guard = Guard(known, telling, counts=guard, shares=shares)
        self.writes = Writes(known, telling, versioned=versioned, lossy=lossy)
        self.requests = Requests(known, telling, versioned=versioned)
        self.revocations = Revocations(known, telling)
        self.past = Past(telling, partitions, chance or Random(0), exact=exact)
        self.bounds = Bounds(telling)
        self.findings = Findings(known, telling)
        self.confirmations = Confirmations(known, telling, f"{group}-sink", now, fresh)

    # Kafka

    def broker(self, event: Any) -> None:
        """What a `MemoryBroker` tells its watchers."""
        match type(event).__name__:
            case "RecordAppended" if event.record.transaction is None:
                self.past.appended(event.record)
                self._committed(_record(event.record), self._process(event.by))
            case "RecordAppended":
                self.confirmations.began(event.record.transaction)
            case "TransactionEnded":
                process = self._process(event.by)
                transaction = event.records[0].transaction if event.records else None
                self.confirmations.ended(transaction, event.transactional_id, process, committed=event.committed)
                records = event.records if event.committed else ()
                for stored in sorted(records, key=lambda each: each.topic == DELIVERIES):  # they come at one moment
                    self.past.appended(stored)
                    self._committed(_record(stored), process)
            case "OffsetCommitted":
                self._offset(event.group, event.place.topic, event.place.partition, event.offset)
            case "GroupChanged" if event.group == f"{self._group}-sink":
                self.guard.shared_out()
            case "RecordsRemoved":
                topic, partition = event.place.topic, event.place.partition
                self.inputs.removed(topic, partition, event.offsets)
                if topic == OPERATIONS:
                    self.fates.removed(partition, event.offsets)
            case "ProducerStarted":
                process, partition = self._process(event.by), event.transactional_id.rpartition("-")[2]
                self.confirmations.acquired(process, partition)
                self.requests.acquired(process, partition)
                self.guard.acquired(process, partition)

    def _offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        if topic == OPERATIONS and group == f"{self._group}-sink":
            self.fates.committed(partition, offset)
        elif group == f"{self._group}-worker":
            self.inputs.committed(topic, partition, offset)

    def _committed(self, record: Record, process: Hashable) -> None:
        if record.topic in SILENT:
            return
        body, known = record.body, self.known
        self.inputs.appended(record)
        if record.topic == CHANGES and isinstance(body, dict) and "kind" in body:
            known.users[record.partition, record.offset] = "" if body["kind"] == "mapping" else body["user"]
            known.homes.setdefault(body["user"], record.partition)
            for name in (body["user"], (body["attributes"] or {}).get("userName")):
                if isinstance(name, str) and name:
                    known.names.setdefault(name, set()).add(body["user"])
        elif record.topic == OPERATIONS:
            self.chain.appended(record)
            self.fates.operation(record)
            if isinstance(body, dict) and "seq" in body:
                newest = known.latest.get(body["user"])
                asked = known.asked.setdefault(body["user"], set())
                asked.update(body["desired"].get("groups", ()))
                if body["desired"].get("scope") == "released":
                    known.released.setdefault(body["user"], set()).update(asked)
                if body["desired"].get("scope") != "never":
                    known.strangers.discard(body["user"])
                elif newest is None:
                    known.strangers.add(body["user"])
                if newest is None or newest["seq"] < body["seq"]:
                    known.latest[body["user"]] = body
        elif record.topic == OUTCOMES:
            self.fates.outcome(record)
            self.guard.outcome(record)
        elif record.topic == DELIVERIES and isinstance(body, dict) and "held" in body:
            self.fates.delivery(record)
            self.guard.delivery(record, process)
            known.told(body)
            self.confirmations.noted(process, body["id"], body["etag"])
            if body["id"] is not None:
                known.accounts[body["id"]] = body["user"]
        elif record.topic == FINDINGS:
            self.findings.appended(record)
        elif record.topic == CONTROLS:
            self.guard.control(record)
            self.findings.control(record)

    # The network

    def requested(
        self, number: int, process: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """A request leaves a process for the target. `path`: with its query."""
        if "/scim/" in path and "X-Request-Id" in headers:
            by = self._process(process)
            self.requests.requested(number, by, method, path, headers, body)
            self.guard.requested(headers["X-Request-Id"], path.partition("?")[0].rpartition("/")[2])
            if not headers["X-Request-Id"].startswith(BY_ORDER):
                self.confirmations.requested(number, by, method, path, headers, body)
            self.findings.requested(method, path, body, headers["X-Request-Id"])

    def answered(self, number: int, process: str, status: int | None, headers: Mapping[str, str], body: bytes) -> None:
        """The process has its answer, or (None) doesn't know what became of it, or (0) couldn't send it."""
        if status is not None and headers.get("Content-Type", "").startswith("text/"):
            status = None  # a page, by somebody on the way
        asked = self.requests.answered(number, status)
        if asked is not None and asked.method == "PATCH" and status is not None and 400 <= status < 500:
            self.writes.refused(asked.about)
        self.confirmations.answered(number, status, headers)

    def written(self, number: int | None, entry: Any) -> None:
        """The target has decided about a write: an entry of the stand-in's ledger."""
        refused = entry.status >= 400 and not entry.changed  # a PATCH may stop half-way
        if not entry.applied or refused:
            return
        before, after = (_json(each.body) if each is not None else None for each in (entry.before, entry.after))
        account, home, seq = entry.id, *_seq(entry.request_id or "")
        known, users = self.known, "/groups/" not in entry.path.lower()
        inactive = False
        if users and after is not None:
            user = after.get("externalId") or known.accounts.get(account)
            if user is not None:
                known.accounts[account] = user
            inactive = bool(before and before.get("active")) and after.get("active") is False
            known.inside[account] = after.get("active") is True
            if bool(before and before.get("active")) != known.inside[account]:
                others = known.inside[account] and entry.request_id is None
                (known.let_in.add if others else known.let_in.discard)(account)
            if entry.after.state == "deleted" and user is not None:
                self.writes.deleted(user)
            if user is not None:
                self.past.written(user, entry.at, entry.request_id, after)
        else:
            moved = _members(before) ^ _members(after) or {
                each for each in known.accounts if each.encode() in entry.raw
            }
            user = known.accounts.get(min(moved)) if len(moved) == 1 else None
        if entry.request_id is None:  # somebody else's
            if user is not None and not users:
                self.writes.changed_by_hand(user, account)
            return
        if entry.request_id.startswith(BY_ORDER):
            self.findings.ordered(account, _json(entry.raw), changed=entry.changed)
            return
        self.findings.written(account, changed=entry.changed)
        write = Write(
            entry.method,
            entry.path,
            user,
            account,
            entry.request_id,
            home,
            seq,
            entry.if_match,
            entry.changed,
            entry.method == "POST" and before is None,
            inactive,
            _json(entry.raw),
            None if users else (after or {}).get("displayName"),
        )
        self.writes.written(write)
        self.guard.written(write)

    # Processes

    def watch_sink(self, sink: Any, process: Any) -> None:
        """A new sink, before it runs. `process`: in which it runs."""
        self.revocations.watch(sink)
        self.bounds.watch_sink(process, sink)

    def watch_worker(self, worker: Any, process: Any) -> None:
        """A new worker, before it runs."""
        self.bounds.watch(process, partial(left_in_worker, worker))

    def end(self, *, compared: bool = False) -> None:
        """All is quiet, and has been read: what has still no end never gets one. `compared`: with the target, too."""
        self.fates.end()
        self.inputs.end()
        self.past.end()
        self.bounds.end()
        if compared:
            self.findings.end()


def _json(value: bytes | None) -> Any:
    try:
        return orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None


def _record(stored: Any) -> Record:
    name = (stored.key or b"").decode(errors="replace")
    headers = {each: content or b"" for each, content in stored.headers}
    return Record(stored.topic, stored.partition, stored.offset, name, stored.value, _json(stored.value), headers)


def _seq(request_id: str) -> tuple[int, int]:
    home, seq, *_ = [*request_id.split("-"), "", ""]
    return (int(home), int(seq)) if home.isdigit() and seq.isdigit() else (-1, -1)


def _members(group: Any) -> set[str]:
    return {each["value"] for each in (group or {}).get("members", [])}
