"""Each event has one fate (invariant 12), and what is committed as done is done.

A fate is a line of scim.outcomes whose `final` is true. A delivery at seq S says that all up to S is told; the two are
in one transaction with the offset. So neither a delivery nor an offset may be ahead of the fates.
"""

from collections import defaultdict
from collections.abc import Iterable

from tests.simulation.invariants.watching import FIRST, Record, Telling

ENDS = frozenset({"delivered", "revoked", "no-op", "superseded", "parked", "held"})


class Fates:
    """Fed with what is committed, in order; of a transaction outcomes come before deliveries, and offsets last."""

    def __init__(self, telling: Telling) -> None:
        self._tell = telling
        self._untold: dict[str, dict[int, None]] = defaultdict(dict)
        """User → seqs that have a record, and no fate yet."""
        self._told: dict[str, dict[int, str]] = defaultdict(dict)
        self._waiting: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
        """Partition → offset, user and seq of each record, as far as it isn't known that all before are told."""

    def operation(self, record: Record) -> None:
        """A user's record: it wants a fate."""
        body = record.body
        if not isinstance(body, dict) or "seq" not in body:
            return
        user, seq = body["user"], body["seq"]
        self._waiting[record.partition].append((record.offset, user, seq))
        if seq not in self._told[user]:
            self._untold[user][seq] = None

    def outcome(self, record: Record) -> None:
        """A line of the audit log."""
        line = record.body
        if not line["final"]:
            return
        user, seq, since, verdict = line["user"], line["seq"], line["since"], line["verdict"]
        self._tell.count(f"fate {verdict}")
        untold, told = self._untold[user], self._told[user]
        if verdict not in ENDS:
            self._tell.fail("fate", f"{verdict} is no end, of {user} at {seq}")
        if since is None and seq in told:
            self._tell.fail("fate", f"{user} at {seq} is told as {verdict}, and was as {told[seq]}")
        elif since is None and seq not in untold:
            self._tell.fail("fate", f"{user} at {seq} is told as {verdict}, and has no record")
        elif since is not None and verdict != "superseded":
            self._tell.fail("fate", f"{user} from {since} to {seq} is told as {verdict}")
        again = [each for each in told if since is not None and since < each <= seq]
        if again:
            self._tell.fail("fate", f"{user} from {since} to {seq} is told as {verdict}, and {again} were before")
        covered = [seq] if since is None else [each for each in untold if since < each <= seq]
        for each in covered:
            untold.pop(each, None)
            told[each] = verdict

    def delivery(self, record: Record) -> None:
        """What Genesys holds of a user: all up to here is told."""
        body = record.body
        if not isinstance(body, dict) or "seq" not in body:
            return
        missing = [seq for seq in self._untold[body["user"]] if seq <= body["seq"]]
        self._tell.count("fate before delivery")
        if missing:
            self._tell.fail("fate", f"{body['user']} is delivered at {body['seq']}, and {missing} have no fate")

    def committed(self, partition: int, offset: int) -> None:
        """The sinks' group has done with all records below an offset of scim.operations."""
        waiting, done = self._waiting[partition], 0
        for place, user, seq in waiting:
            if place >= offset:
                break
            if seq not in self._told[user]:
                self._tell.fail("commit", f"sinks committed {offset} in {partition}: {user} at {seq} isn't told")
            done += 1
        if done:
            self._tell.count("commit of told operations")
            del waiting[:done]

    def removed(self, partition: int, offsets: Iterable[int]) -> None:
        """Compaction took these records of scim.operations away: who reads what is left tells their fates together."""
        gone = set(offsets)
        self._waiting[partition] = [each for each in self._waiting[partition] if each[0] not in gone]

    def end(self) -> None:
        """Nothing is under way any more."""
        for user, untold in self._untold.items():
            for seq in untold:
                self._tell.fail("fate", f"{user} at {seq} has no fate")

    def told(self, user: str) -> int:
        """The newest seq that is told."""
        return max(self._told[user], default=FIRST)
