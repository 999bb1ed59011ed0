"""The mass guard's promise: never more users lose access at once than it lets through, and nobody whom it holds.

Each sink counts the partitions that it holds; so the bound holds for these, whoever let somebody through there. One
cause (source, reason, minute) gets half of the threshold, but always one user.
"""

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from tests.simulation.invariants.watching import Known, Record, Telling, Write

WITHHELD = frozenset({"held", "rejected", "protected"})
WINDOWS = (600.0, 86_400.0)
"""Seconds."""

Cause = tuple[str, Any, int]


class Guard:
    """`counts`: users per window. `shares`: of the active users, if that is more."""

    def __init__(
        self, known: Known, telling: Telling, *, counts: tuple[int, int], shares: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self._known = known
        self._tell = telling
        self._counts = counts
        self._shares = shares
        self._holders: dict[int, Hashable] = {}
        """Partition → the sink that has fenced all others since the group has shared the partitions out last."""
        self._through: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
        """Partition → user → the cause by which they were let through."""
        self._released: dict[str, int] = {}
        """Whom an operator has let through since they were held, and since which seq that had been set aside."""
        self._asked: set[str] = set()
        """Ids of requests about who was withheld then."""
        self._lost: dict[str, int] = {}
        """User → seq for which access was taken, as far as no delivery says anything of it yet."""
        self._revoked: dict[str, int] = {}
        """User → seq at which they were told as revoked, by a write of ours."""

    def shared_out(self) -> None:
        """All partitions of the group are given away anew."""
        self._holders.clear()

    def acquired(self, process: Hashable, partition: str) -> None:
        """A sink has fenced whoever had it before."""
        self._holders[int(partition)] = process

    def control(self, record: Record) -> None:
        """An operator's order."""
        body = record.body
        if isinstance(body, dict) and body.get("action") == "release" and body.get("user"):
            self._released[body["user"]] = body["since"]

    def delivery(self, record: Record, process: Hashable) -> None:
        """What is known of a user, and with it what the guard of a sink has said of their leaving."""
        body = record.body
        if not isinstance(body, dict) or "seq" not in body:
            return
        user, standing = body["user"], body.get("standing")
        counted = self._through[record.partition]
        if self._revoked.pop(user, None) == body["seq"] and standing is None:
            self._tell.fail("guard", f"{user} was deactivated, and the guard wasn't asked")
        if self._lost.get(user, body["seq"] + 1) <= body["seq"]:
            del self._lost[user]
            if standing is None:  # whoever let them through has died before it could say so
                self._tell.count("guard let through and not counted")
        if standing is None or standing["said"] != "through":
            counted.pop(user, None)
            if standing is not None and standing["said"] != "released":
                self._tell.count(f"guard {standing['said']}")
                if (body["parked"] or {}).get("since") != self._released.get(user):  # it may be told after the order
                    self._released.pop(user, None)
            return
        if user in counted:
            return
        self._tell.count("guard through")
        counted[user] = standing["cause"]
        held = {record.partition} | {each for each, holder in self._holders.items() if holder == process}
        self._bounded(user, standing["cause"], [each for number in held for each in self._through[number].values()])

    def outcome(self, record: Record) -> None:
        """A line of the audit log."""
        line = record.body
        if line["final"] and line["verdict"] == "revoked" and "deactivate" in line["operations"]:
            self._revoked[line["user"]] = line["seq"]

    def requested(self, request_id: str, account: str) -> None:
        """A sink asks something about an account."""
        if (user := self._known.accounts.get(account)) is not None and self._withheld(user) is not None:
            self._asked.add(request_id)

    def written(self, write: Write) -> None:
        """Somebody lost access at the target."""
        if not write.inactive or write.user is None:
            return
        self._lost[write.user] = write.seq
        withheld = self._withheld(write.user)
        if withheld is not None and write.request_id in self._asked:
            self._tell.fail("guard", f"{write.user} lost access, and was {withheld}")
        elif withheld is not None:  # by a sink that has died, whose successor has counted anew
            self._tell.count("guard let through before it was held")

    def _withheld(self, user: str) -> str | None:
        """By which code, if nobody may take their access now."""
        parked = (self._known.deliveries.get(user) or {}).get("parked") or {}
        code, desired = parked.get("code"), parked.get("desired") or {}
        anew = "suspended" in desired or desired.get("scope") == "left"  # what the mapping took, a source may take
        if code not in WITHHELD or parked["attributes"] or user in self._released or anew:
            return None
        return str(code)

    def _bounded(self, user: str, cause: dict[str, Any], counted: list[dict[str, Any]]) -> None:
        at, times = _at(cause), [_at(each) for each in counted]
        same = sum(1 for each in counted if _same(each) == _same(cause))
        for count, share, seconds in zip(self._counts, self._shares, WINDOWS, strict=True):
            threshold, length = max(count, int(share * len(self._known.homes))), seconds * 1000
            begins = [each for each in times if at - length < each <= at]
            within = max(sum(1 for each in times if begin <= each < begin + length) for begin in begins)
            if same > -(-threshold // 2):
                self._tell.fail("guard", f"{user} is the {same}th of one cause, and the threshold is {threshold}")
            elif within > threshold:
                self._tell.fail("guard", f"{user} is the {within}th in {seconds:g} s, and the threshold is {threshold}")


def _at(cause: dict[str, Any]) -> int:
    return int(cause["origin"]["appended"])


def _same(cause: dict[str, Any]) -> Cause:
    return cause["source"], cause["reason"], _at(cause) // 60_000
