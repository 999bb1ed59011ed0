"""Whose evidence a bundle is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """Named users, or all users with an event, record or outcome in a period."""

    users: tuple[str, ...] = ()
    first: int | None = None
    """The period's first moment, in ms since 1970."""
    until: int | None = None
    """The moment after its last, in ms since 1970. Records appended then or later aren't looked at."""

    def why(self, kind: str, timestamp: int) -> set[str]:
        """Why a user with an event, record or outcome (`kind`) of that time is chosen; empty: not by that."""
        if self.users:
            return {"named"}
        return {kind} if (self.first or 0) <= timestamp and not self.beyond(timestamp) else set()

    def beyond(self, timestamp: int) -> bool:
        """Whether a moment lies after the end."""
        return self.until is not None and timestamp >= self.until

    def as_object(self) -> dict[str, Any]:
        """As JSON, for the manifest."""
        return {"users": list(self.users) or None, "from": _iso(self.first), "to": _iso(self.until)}


def scope_of(raw: Any) -> Scope:
    """The scope that a manifest names. Raises ValueError, TypeError or KeyError where it names none."""
    users, first, until = raw["users"], _ms(raw["from"]), _ms(raw["to"])
    if users is not None and (first is not None or not users or not all(isinstance(user, str) for user in users)):
        raise ValueError
    if users is None and (first is None or until is None):
        raise ValueError
    scope = Scope(tuple(users or ()), first, until)
    if scope.as_object() != raw:
        raise ValueError
    return scope


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ms(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
