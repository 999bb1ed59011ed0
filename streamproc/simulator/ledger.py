"""Every attempted write, in the order of the server's decisions, and the number of requests by route."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.simulator.resources import Entry

# Every PATCH of a large group would otherwise keep one more copy of its members.
_SNAPSHOT_MEMBERS = 500


@dataclass(slots=True)
class LedgerEntry:
    """`status` is what the server decided; `answered` is false where the client was not told so.

    `applied` means the write was carried out, `changed` that it altered the resource: a no-op PATCH is applied only.
    """

    n: int
    at: float
    method: str
    path: str
    user: str | None
    id: str | None
    request_id: str | None
    if_match: str | None
    status: int
    applied: bool
    changed: bool
    version: int | None
    answered: bool
    fault: str | None
    raw: bytes
    before: "Snapshot | None"
    after: "Snapshot | None"

    def shown(self, *, snapshots: bool) -> dict[str, Any]:
        shown: dict[str, Any] = {name: getattr(self, name) for name in _SHOWN}
        shown["body"] = orjson.Fragment(self.raw) if self.raw else None
        if snapshots:
            shown["before"] = self.before.shown() if self.before else None
            shown["after"] = self.after.shown() if self.after else None
        return shown


_SHOWN = [name for name in LedgerEntry.__slots__ if name not in ("raw", "before", "after")]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version as it was sent: a fraction of the size of the objects it came from."""

    body: bytes
    state: str

    @classmethod
    def of(cls, entry: Entry | None) -> "Snapshot | None":
        if entry is None or len(entry.attrs.get("members", ())) > _SNAPSHOT_MEMBERS:
            return None
        return cls(entry.body, entry.state)

    def shown(self) -> orjson.Fragment:
        return orjson.Fragment(self.body[:-1] + b',"_state":' + orjson.dumps(self.state) + b"}")


class Ledger:
    """`now`: seconds since 1970. `told`: is called with each entry."""

    def __init__(self, now: Callable[[], float], told: Callable[[LedgerEntry], None] | None = None) -> None:
        self.entries: list[LedgerEntry] = []
        self._now = now
        self._told = told

    def append(self, **facts: Any) -> LedgerEntry:
        entry = LedgerEntry(n=len(self.entries) + 1, at=self._now(), **facts)
        self.entries.append(entry)
        if self._told is not None:
            self._told(entry)
        return entry

    def since(self, n: int, *, snapshots: bool) -> dict[str, Any]:
        return {"entries": [entry.shown(snapshots=snapshots) for entry in self.entries[max(0, n) :]]}


class RequestCounts:
    def __init__(self) -> None:
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.platform: Counter[str] = Counter()  # beside SCIM, and not in the total

    def shown(self, token_requests: int) -> dict[str, Any]:
        return {
            "total": self.by_route.total(),
            "by_route": dict(self.by_route),
            "by_status": dict(self.by_status),
            "platform": dict(self.platform),
            "token_requests": token_requests,
        }
