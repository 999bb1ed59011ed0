"""Schedule: whom to look at next. Times: ms since 1970.

Rule 1: who is to be looked at again soon (something is repaired, or on its way) goes first, once that time has come,
with every other slice at most: however many they are, the rest goes on.
Rule 2: a round begins with those who left lately, one by one, the longest ago first: what they could do is the worst.
Then come pages of all active accounts, then of all inactive ones, then whoever should have been on one and wasn't: a
list moves while it is read.
Rule 3: leavers don't wait for a round: between two pages comes a slice of those who weren't looked at for a while. So
neither keeps the other waiting, however slow the target is.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import id_key
from streamproc.reconcile.decide.pages import Page, next_start

SLICE: Final = 25
"""Users who are looked at together."""


class Users(Struct, frozen=True):
    """Look at these, each at their account's id. `why`: what they are for."""

    users: tuple[str, ...]
    why: Literal["again", "leavers", "unseen"]


class PageOf(Struct, frozen=True):
    """Read a page of the accounts. `start`: of its first one, from 1."""

    active: bool
    start: int


class Close(Struct, frozen=True):
    """All was looked at: what was found before, and wasn't found again, is over."""


class Rest(Struct, frozen=True):
    """Nothing is to be done before."""

    until: Millis


Slice: TypeAlias = Users | PageOf | Close | Rest


class Schedule:
    """Of one process. `every`, `leavers_every`: ms from the beginning of a round, or from a look, to the next."""

    def __init__(self, every: int, leavers_every: int) -> None:
        self._every = every
        self._leavers_every = leavers_every
        self._again: dict[str, Millis] = {}
        self._looked: dict[str, Millis] = {}
        """Leaver → when they were looked at."""
        self._stage: Literal["leavers", "pages", "unseen", "done"] = "done"
        self._page = PageOf(active=True, start=1)
        self._begun: Millis | None = None
        self._now = Millis(0)
        """Latest time that was told."""
        self._seen: set[str] = set()
        """Accounts that this round has shown, their ids in one case."""
        self._listed: set[str] = set()
        """The same of the list that is being read."""
        self._unreadable = 0
        """Resources of that list that were no accounts."""
        self.whole = True
        """Whether this round has shown all accounts, as far as can be told: whoever wasn't shown isn't there."""
        self._unseen: list[str] = []
        self._alternate = False
        self._served = False
        """Whether the last slice was of whom is to be looked at again."""
        self.rounds = 0
        """Rounds that were completed."""

    @property
    def begun(self) -> Millis | None:
        """When the round under way, or the last one, began."""
        return self._begun

    @property
    def under_way(self) -> bool:
        """Whether a round is."""
        return self._stage != "done"

    @property
    def seen(self) -> int:
        """Accounts that this round has shown."""
        return len(self._seen)

    @property
    def read_all(self) -> bool:
        """Whether this round has read all pages."""
        return self._stage == "unseen"

    @property
    def next_again(self) -> Millis | None:
        """When somebody is to be looked at again. None: nobody is."""
        return min(self._again.values(), default=None)

    def due(self, now: Millis) -> tuple[str, ...]:
        """Who is to be looked at again, and whose time has come."""
        due = sorted((at, user) for user, at in self._again.items() if at <= now)
        return tuple(user for _, user in due[:SLICE])

    def again(self, user: str, at: Millis) -> None:
        """Look at them again then, or earlier where that was said already."""
        self._again[user] = min(at, self._again.get(user, at))

    def looked(self, users: Iterable[str], at: Millis) -> None:
        """These were looked at."""
        for user in users:
            self._looked[user] = at
            if self._again.get(user, at) <= at:
                self._again.pop(user, None)

    def shown(self, asked: PageOf, page: Page) -> None:
        """What a page shows."""
        new = {id_key(account) for account in page.accounts} - self._listed
        self._listed |= new
        self._seen |= new
        self._unreadable += page.shown - len(page.accounts)
        start = next_start(asked.start, page, len(new))
        if start is not None:
            self._page = PageOf(asked.active, start)
            return
        there = len(self._listed) + self._unreadable
        self.whole = self.whole and (not page.shown if page.total is None else there >= page.total)
        self._begin_list()
        if asked.active:
            self._page = PageOf(active=False, start=1)
        else:
            self._stage = "unseen"
            self._unseen = []

    def has_seen(self, account: str) -> bool:
        """Whether this round has shown it."""
        return id_key(account) in self._seen

    def unseen(self, users: Iterable[str]) -> None:
        """Whom no page of this round has shown."""
        self._unseen = list(users)

    def next(self, leavers: Sequence[str], now: Millis) -> Slice:
        """What comes next. `leavers`: those of late."""
        self._set_back(now)
        due = self.due(now)
        if due and not self._served:
            self._served = True
            return Users(due, "again")
        self._served = False
        if self._stage == "done" and (self._begun is None or now >= self._begun + self._every):
            self._begun, self._stage, self._page, self._seen = now, "leavers", PageOf(active=True, start=1), set()
            self.whole = True
            self._begin_list()
            self._looked = {user: self._looked[user] for user in leavers if user in self._looked}
        if self._stage == "leavers":
            assert self._begun is not None
            if first := self._longest_ago(leavers, self._begun):
                return Users(first, "leavers")
            self._stage = "pages"
        self._alternate = not self._alternate
        if (self._alternate or self._stage == "done") and (
            overdue := self._longest_ago(leavers, Millis(now - self._leavers_every))
        ):
            return Users(overdue, "leavers")
        match self._stage:
            case "pages":
                return self._page
            case "unseen" if self._unseen:
                return Users(tuple(self._unseen[:SLICE]), "unseen")
            case "unseen":
                self._stage = "done"
                self.rounds += 1
                return Close()
            case _:
                return Users(due, "again") if due else Rest(self._wakes(leavers, now))

    def taken(self, users: Sequence[str]) -> None:
        """These were looked at since no page had shown them."""
        gone = {*users}
        self._unseen = [user for user in self._unseen if user not in gone]

    def _begin_list(self) -> None:
        self._listed, self._unreadable = set(), 0

    def _set_back(self, now: Millis) -> None:
        """Where the clock was set back, all times are: nobody waits until it is as late again."""
        back, self._now = self._now - now, now
        if back > 0:
            self._again = {user: Millis(at - back) for user, at in self._again.items()}
            self._looked = {user: Millis(at - back) for user, at in self._looked.items()}
            self._begun = None if self._begun is None else Millis(self._begun - back)

    def _longest_ago(self, leavers: Sequence[str], before: Millis) -> tuple[str, ...]:
        due = [user for user in leavers if self._looked.get(user, -1) < before]
        return tuple(sorted(due, key=lambda user: self._looked.get(user, -1))[:SLICE])

    def _wakes(self, leavers: Sequence[str], now: Millis) -> Millis:
        assert self._begun is not None
        looks = [self._looked.get(user, now) + self._leavers_every + 1 for user in leavers]
        return Millis(min([self._begun + self._every, *looks, *self._again.values()]))
