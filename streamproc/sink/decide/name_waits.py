"""Who waits for whose userName. A decider with no I/O, clock or asyncio.

A target takes a name only once it is free, so whoever gives one up goes first, and who wants it goes on then. Where the
waits form a circle (two who swap), nobody is first: one of them makes way with a temporary name.

Rule 1: somebody waits for the user who has the name by the target's own word, and only where that is one of ours.
Rule 2: of a circle the one with the lowest user ID makes way. Every sink finds the same from the same log.
Rule 3: circles of more than `LONGEST` aren't looked for: they stay set aside, and are told.
Rule 4: who has left keeps the name. Nothing but `active` is written of them, and it isn't ours to pass it on.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from msgspec import Struct

LONGEST: Final = 256
PATIENCE: Final = 5.0
"""Seconds that a turn waits for a name; then it is set aside, and goes on when the name is given up."""
ELSEWHERE: Final = 1.0
"""The same where another sink has to do something, which sees what is set aside and not who waits in flight."""

Way: TypeAlias = Literal["try", "make way", "wait", "left", "not ours"]
"""What somebody who waits for a name can do. `left`: who has it is inactive. `not ours`: nobody has delivered them."""


class Claim(Struct, frozen=True):
    """What one user has to do with names, each in one case (`name_key`)."""

    name: str | None = None
    """The userName that the target is known to hold of them."""
    wanted: str | None = None
    """The one that they can't have yet."""
    holder: str | None = None
    """Which user has that one."""
    left: bool = False
    """The user is inactive there: their name isn't written any more."""


class NameWaits:
    """Of one sink. `delivered`: the claim of a user that our deliveries tell, as far as it is known."""

    def __init__(self, delivered: Callable[[str], Claim]) -> None:
        self._delivered = delivered
        self._now: dict[str, Claim] = {}
        """The same of users in flight who wait, or whose name has changed."""

    def enter(self, user: str, claim: Claim) -> None:
        """What is known of a user in flight."""
        self._now[user] = claim

    def leave(self, user: str) -> None:
        """Their turn has ended: from now on their delivery tells it."""
        self._now.pop(user, None)

    def behind(self, holder: str) -> list[str]:
        """Users in flight who wait for this one."""
        return [user for user, claim in self._now.items() if claim.holder == holder]

    def is_waiting(self, user: str) -> bool:
        """Whether they are in flight, and wait."""
        return self._claim(user).holder is not None and user in self._now

    def way(self, user: str) -> Way:
        """What somebody who waits can do now."""
        claim = self._claim(user)
        holder = Claim() if claim.holder is None else self._claim(claim.holder)
        if holder.name is None:
            return "not ours"
        if holder.name != claim.wanted:
            return "try"
        if holder.left:
            return "left"
        return "make way" if self.chosen(user) == user else "wait"

    def patience(self, user: str, *, ours: bool, made_way: bool) -> float:
        """Seconds that it makes sense to wait in flight. `ours`: who has the name is this sink's. `made_way`: the user
        has a temporary name, which another sink learns when their turn has ended.
        """
        if made_way and not self.behind(user):
            return 0.0
        return PATIENCE if ours else ELSEWHERE

    def acts(self, user: str) -> str | None:
        """Who can do something about this user's wait: they themselves, where the name is free by now, or who makes way
        in the circle that it leads to. None: nobody.
        """
        return user if self.way(user) == "try" else self.chosen(user)

    def chosen(self, user: str) -> str | None:
        """Who makes way in the circle that this user's wait leads to. None: it leads to no circle."""
        seen: dict[str, int] = {}
        while user not in seen and len(seen) < LONGEST:
            seen[user] = len(seen)
            claim = self._claim(user)
            if claim.holder is None or self._claim(claim.holder).name != claim.wanted:
                return None
            user = claim.holder
        return min(list(seen)[seen[user] :]) if user in seen else None

    def _claim(self, user: str) -> Claim:
        return self._now.get(user) or self._delivered(user)


def name_key(name: str | None) -> str | None:
    """A userName has no case (RFC 7643 §4.1.1)."""
    return None if name is None else name.casefold()


def temporary_name(name: str, user: str) -> str:
    """Under which the user makes way: an address of the same mailbox, where the mail system knows of `+`."""
    local, at, domain = name.rpartition("@")
    tag = _tag(user)
    return f"{local[: 64 - len(tag)]}{tag}@{domain}" if at else f"{name}{tag}"


def is_temporary(name: str | None, user: str) -> bool:
    """Whether it is such a name."""
    return name is not None and (name.rpartition("@")[0] or name).endswith(_tag(user))


def _tag(user: str) -> str:
    return f"+{sha256(user.encode()).hexdigest()[:8]}"
