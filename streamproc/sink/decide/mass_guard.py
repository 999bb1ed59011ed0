"""Mass guard: may this revocation go out, or does somebody have to look at it first? A decider with no I/O or clock.

A broken HR file must not log out a contact centre, and single leavers must never wait. Two sliding windows count the
users who were let through, by the time at which the broker appended their events.

Rule 1: a window's threshold is a number of users or a share of the active ones, whichever is more. Beyond it everybody
is held. It is "more" and not "less" because in a company of 30 five leavers in ten minutes may be real.
Rule 2: of what other causes have left of a threshold, one cause gets half, but always one user. A bulk so leaves room
for those who leave meanwhile. A cause is what came from one source, for one stated reason, within one minute.
Rule 3: who was let through flows, however often asked again. Who is held stays so until an operator releases or
rejects by name, or the user is to be active again. A rejection is of what was asked so far: newer events that still
say "leave" are held, since the source insists and the operator doesn't know.
Rule 4: who is released doesn't count: an operator has looked. Nor does who was out, and was let in again by others;
they flow. Who is protected is never let through, nor held.
Rule 5: no order of asking lets more through: windows are counted on both sides of a user's own time.

What it can't do: tell a real leaver from a bad row of the same source, reason and minute; both are held, and listed.
A file whose rows each give a reason of their own takes the whole threshold instead of half, and so does one that comes
in slowly, minute by minute; later leavers are then held as well until the window has moved on.

Each sink has a guard of its own, made of the standings of the partitions that it holds, and `active` is how many of
their users are active. Shares so add up to the share of all, but the number is per sink: in a small company with
several sinks each lets that many through.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from streamproc.core.records.delivery import Standing
from streamproc.core.records.user_record import Cause


@dataclass(frozen=True, slots=True)
class Window:
    """How many users may lose access within `seconds`: `count`, or `share` of the active ones if that is more."""

    seconds: float
    count: int
    share: float

    def threshold(self, active: int) -> int:
        """Users, where `active` are active."""
        return max(self.count, int(self.share * active))


WINDOWS: Final = (Window(600.0, 20, 0.02), Window(86_400.0, 100, 0.10))
"""Ten minutes and a day."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Send it."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Hold:
    """Don't, until an operator has looked."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Rejected:
    """Don't: an operator said no."""


@dataclass(frozen=True, slots=True)
class Protected:
    """Don't, ever."""


GuardDecision: TypeAlias = Flow | Hold | Rejected | Protected


class MassGuard:
    """The guard of one sink. `protected`: user IDs, or patterns with `*` and `?`. `standings`: to go on from."""

    def __init__(
        self,
        windows: Iterable[Window] = WINDOWS,
        protected: Iterable[str] = (),
        standings: Iterable[Standing] = (),
    ) -> None:
        self._windows = tuple(windows)
        self._protected = tuple(protected)
        self._standings = {standing.user: standing for standing in standings}
        self._times: list[float] = []
        """When those came who were let through by the thresholds, in order."""
        self._of: Counter[tuple[str, str | None, int]] = Counter()
        for standing in self._standings.values():
            if standing.said == "through":
                self._count(standing.cause)

    def ask(self, user: str, seq: int, cause: Cause, active: int) -> GuardDecision:
        """The revocation of a user who is active in the target, by the record at `seq`, is about to be sent."""
        if any(user == name or fnmatchcase(user, name) for name in self._protected):
            return Protected()
        known = self._standings.get(user)
        if known is None:
            reason = self._beyond(cause, active)
            known = Standing(user, seq, "held" if reason else "through", cause, reason)
            if reason is None:
                self._count(cause)
        elif known.said == "rejected" and seq > known.seq:
            known = Standing(user, seq, "held", cause, "it was rejected, and the source still says so")
        self._standings[user] = known = replace(known, seq=max(seq, known.seq))
        match known.said:
            case "held":
                return Hold(known)
            case "rejected":
                return Rejected()
            case _:
                return Flow(known)

    def release(self, user: str) -> Standing | None:
        """An operator lets the user's revocation through. None: nobody of that name is held or rejected."""
        return self._said(user, "released", of=("held", "rejected"))

    def reject(self, user: str) -> Standing | None:
        """An operator says that the user stays. None: nobody of that name is held."""
        return self._said(user, "rejected", of=("held",))

    def let_in_by_others(self, user: str, seq: int, cause: Cause) -> None:
        """They were out already, by the target's word, and have access again by nothing that a source said: they leave
        a second time, as if released, however many do. Who was asked about before stays as was said.
        """
        self._standings.setdefault(user, Standing(user, seq, "released", cause))

    def ask_anew(self, user: str) -> None:
        """What is asked of a user from now on is another question than the one that is held, or was rejected."""
        known = self._standings.get(user)
        if known is not None and known.said in {"held", "rejected"}:
            del self._standings[user]

    def forget(self, user: str) -> None:
        """The user is to be active again. If they were let through, that still counts in the windows."""
        self._standings.pop(user, None)

    def _said(self, user: str, said: Literal["released", "rejected"], of: tuple[str, ...]) -> Standing | None:
        known = self._standings.get(user)
        if known is None or known.said not in of:
            return None
        self._standings[user] = known = replace(known, said=said)
        return known

    def _count(self, cause: Cause) -> None:
        insort(self._times, _at(cause))
        self._of[_same(cause)] += 1

    def _beyond(self, cause: Cause, active: int) -> str | None:
        """Rules 1 and 2: which threshold holds one more. Where nothing is left of it, half of that is nothing too."""
        at, of_cause = _at(cause), self._of[_same(cause)]
        for window in self._windows:
            threshold = window.threshold(active)
            after = bisect_right(self._times, at - window.seconds)
            others = bisect_left(self._times, at + window.seconds) - after - of_cause
            if of_cause >= (threshold - others) / 2:
                return (
                    f"{of_cause} users of one cause and {others} others in {window.seconds:g} s, threshold {threshold}"
                )
        return None


def _at(cause: Cause) -> float:
    return cause.origin.appended / 1000.0


def _same(cause: Cause) -> tuple[str, str | None, int]:
    """Rule 2."""
    return cause.source, cause.reason, cause.origin.appended // 60_000
