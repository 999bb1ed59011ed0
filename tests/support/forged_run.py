"""A run that never was, told to the invariants record by record, so that a test can tell it wrongly."""

import hashlib
from collections import Counter
from types import SimpleNamespace
from typing import Any

import orjson

from tests.simulation.invariants import Invariants

USER = "U1"
ACCOUNT = "acc-1"
ORIGIN = {"topic": "events.hris", "partition": 0, "appended": 1_000_000}
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SINK = "sink0"


class Forged:
    """`broken`: what the invariants have said, by kind. `seen`: what they have counted."""

    def __init__(self, **options: Any) -> None:
        self.told: list[tuple[str, str]] = []
        self.seen: Counter[str] = Counter()
        self.invariants = Invariants(lambda *each: self.told.append(each), self._count, **options)
        self._ends: Counter[tuple[str, int]] = Counter()
        self._hashes: dict[str, tuple[int, str]] = {}
        self._requests = 0

    def _count(self, name: str) -> None:
        self.seen[name] += 1

    @property
    def broken(self) -> list[str]:
        """Kinds, in order."""
        return [kind for kind, _ in self.told]

    # The log

    def record(
        self, topic: str, key: str, body: Any, *, offset: int | None = None, headers: Any = (), counts: bool = True
    ) -> Any:
        """A record in partition 0. `counts`: else it comes in a transaction (`commit`)."""
        self._ends[topic, 0] = offset = self._ends[topic, 0] if offset is None else offset
        self._ends[topic, 0] += 1
        value = body if isinstance(body, bytes) else orjson.dumps(body)
        record = SimpleNamespace(
            topic=topic,
            partition=0,
            offset=offset,
            key=key.encode(),
            value=value,
            headers=headers,
            transaction=None,
            timestamp=offset,
        )
        if counts:
            self.invariants.broker(_event("RecordAppended", by="worker0", record=record))
        return record

    def change(self, offset: int, user: str = USER, raw: int | None = None, kind: str = "change", **facts: Any) -> None:
        """An event in identity.changes, of the raw record at `raw`."""
        origin = ORIGIN | {"offset": offset if raw is None else raw}
        self.record(
            "identity.changes", user, {"user": user, "kind": kind, "origin": origin, "attributes": facts}, offset=offset
        )

    def operation(self, seq: int, user: str = USER, *, link: tuple[int, str] | None = None, **desired: Any) -> bytes:
        """The user's record. `link`: seq and hash of the one before it, where that is to be wrong."""
        prev, before = self._hashes.get(user, (-1, "")) if link is None else link
        cause = {"source": "hris", "reason": None, "origin": ORIGIN | {"offset": seq}}
        body = {"user": user, "seq": seq, "prev": prev, "cause": cause, "desired": desired, "before": before}
        value = orjson.dumps(body | {"hash": ""})
        digest = hashlib.sha256(value).hexdigest()
        self._hashes[user] = seq, digest
        value = orjson.dumps(body | {"hash": digest})
        self.record("scim.operations", user, value)
        return value

    def said(self, seq: int, user: str = USER, **desired: Any) -> None:
        """An event, and the record that it led to."""
        self.change(seq, user)
        self.operation(seq, user, **desired)

    def outcome(self, seq: int, verdict: str = "delivered", user: str = USER, **other: Any) -> Any:
        """A fate, for a transaction."""
        line = {"user": user, "seq": seq, "verdict": verdict, "final": True, "since": None, "operations": []} | other
        return self.record("scim.outcomes", user, line, counts=False)

    def delivery(self, seq: int, user: str = USER, **other: Any) -> Any:
        """What Genesys holds, for a transaction."""
        state = {"user": user, "seq": seq, "id": ACCOUNT, "etag": '"1"', "held": {}, "parked": None, "standing": None}
        return self.record("scim.deliveries", user, state | {"frozen": {}} | other, counts=False)

    def commit(self, *records: Any, offset: int | None = None, by: str = SINK) -> None:
        """A transaction of the sink, with the offset that it consumed."""
        transaction = object()
        for record in records:
            record.transaction = transaction
            self.invariants.broker(_event("RecordAppended", by=by, record=record))
        name = "streamproc-sink-0"
        ended = _event("TransactionEnded", by=by, transactional_id=name, committed=True, records=records, offsets={})
        self.invariants.broker(ended)
        if offset is not None:
            self.consumed("streamproc-sink", "scim.operations", offset)

    def consumed(self, group: str, topic: str, offset: int) -> None:
        """A group's offset."""
        place = SimpleNamespace(topic=topic, partition=0)
        self.invariants.broker(_event("OffsetCommitted", by="", group=group, place=place, offset=offset))

    def removed(self, topic: str, *offsets: int) -> None:
        """What compaction or retention takes away."""
        place = SimpleNamespace(topic=topic, partition=0)
        self.invariants.broker(_event("RecordsRemoved", place=place, offsets=offsets, why="compaction"))

    def acquired(self, by: str = SINK) -> None:
        """A sink comes to the partition."""
        self.invariants.broker(_event("ProducerStarted", by=by, transactional_id="streamproc-sink-0", epoch=1))

    # The target

    def ask(
        self,
        method: str = "GET",
        path: str = f"Users/{ACCOUNT}",
        body: Any = None,
        *,
        seq: int = 0,
        version: str | None = None,
        by: str = SINK,
    ) -> int:
        """A request leaves the sink. Returns its number."""
        self._requests += 1
        headers = {"X-Request-Id": f"0-{seq}-{self._requests:08x}"} | ({} if version is None else {"If-Match": version})
        value = b"" if body is None else orjson.dumps(body)
        self.invariants.requested(self._requests, by, method, f"/api/v2/scim/v2/{path}", headers, value)
        return self._requests

    def answer(self, number: int, status: int | None = 200, etag: str | None = None) -> None:
        """What the sink hears."""
        headers = {} if etag is None else {"ETag": etag}
        self.invariants.answered(number, SINK, status, headers, b"")

    def asked(self, *args: Any, status: int | None = 200, etag: str | None = None, **options: Any) -> None:
        """Both."""
        self.answer(self.ask(*args, **options), status, etag)

    def write(
        self,
        seq: int,
        *,
        user: str = USER,
        account: str = ACCOUNT,
        method: str = "PATCH",
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        request_id: str | None = None,
        version: str | None = '"1"',
        changed: bool = True,
        body: Any = None,
        group: str | None = None,
        by_hand: bool = False,
    ) -> None:
        """The target carries a write out. `group`: the user comes into it. `by_hand`: it is somebody else's."""
        shown = {"externalId": user, "active": True}
        if group is not None:
            shown, after = {"displayName": group}, {"members": [{"value": account}]}
            account = group
        entry = SimpleNamespace(
            applied=True,
            method=method,
            at=1.0 + seq,
            path=f"/api/v2/scim/v2/{'Users' if group is None else 'Groups'}{'' if method == 'POST' else '/' + account}",
            id=account,
            request_id=None if by_hand else request_id or f"0-{seq}-{len(self.seen) + seq:08x}{id(body) % 97}",
            if_match=version,
            changed=changed,
            status=200,
            raw=orjson.dumps(body or set_to(title="x")),
            before=None if method == "POST" else _snapshot(shown | (before or {})),
            after=_snapshot(shown | (after or {})),
        )
        self.invariants.written(None, entry)


def set_to(**values: Any) -> dict[str, Any]:
    """A PATCH of these attributes."""
    operations = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
    return {"schemas": [PATCH], "Operations": operations}


def _snapshot(shown: dict[str, Any]) -> Any:
    return SimpleNamespace(body=orjson.dumps(shown), state=shown.get("_state", "active"))


def _event(name: str, **fields: Any) -> Any:
    return type(name, (SimpleNamespace,), {})(**fields)
