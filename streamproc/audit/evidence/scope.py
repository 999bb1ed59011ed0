"""Chosen: whose evidence a bundle is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose evidence it is: named users, or all with an event, record or outcome in a period.

    `first` and `until` (not included) in ms since 1970; what came at or after `until` isn't looked at.
    """

    users: tuple[str, ...] = ()
    first: int | None = None
    until: int | None = None

    def why(self, kind: str, timestamp: int) -> set[str]:
        """Why a user with an event, record or outcome (`kind`) of that time is in it; empty: not because of that."""
        if self.users:
            return {"named"}
        return {kind} if (self.first or 0) <= timestamp and not self.beyond(timestamp) else set()

    def beyond(self, timestamp: int) -> bool:
        """Whether that is after the end."""
        return self.until is not None and timestamp >= self.until

    def shown(self) -> dict[str, Any]:
        """For the manifest."""
        return {"users": list(self.users) or None, "from": _iso(self.first), "to": _iso(self.until)}


def scope_of(raw: Any) -> Scope:
    """What a manifest says of it. Raises ValueError, TypeError or KeyError where it doesn't."""
    users, first, until = raw["users"], _ms(raw["from"]), _ms(raw["to"])
    if users is not None and (first is not None or not users or not all(isinstance(each, str) for each in users)):
        raise ValueError
    if users is None and (first is None or until is None):
        raise ValueError
    found = Scope(tuple(users or ()), first, until)
    if found.shown() != raw:
        raise ValueError
    return found


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ms(said: str | None) -> int | None:
    return None if said is None else round(datetime.fromisoformat(said).timestamp() * 1000)
