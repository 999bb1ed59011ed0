"""Who writes holds the partition (README of the sink, If-Match).

An ETag that was read is used only after a transaction that began after the read was committed. So a sink that was
paused can't overwrite its successor's newer state. And nothing is written long after the newest of these transactions:
for half a session somebody is sure to hold the partition. But for leavers, who don't wait until a slow Kafka gets
quicker: what takes away may be late, since it lets nobody in.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping

import orjson

from tests.simulation.invariants.watching import Known, Telling
from tests.simulation.invariants.writes import active_in


class Confirmations:
    """`group`: what the sinks' transactional ids begin with; the partition follows. `now`: seconds. `fresh`: seconds
    after the beginning of a transaction, within which a write leaves.
    """

    def __init__(self, known: Known, telling: Telling, group: str, now: Callable[[], float], fresh: float) -> None:
        self._known = known
        self._tell = telling
        self._group = group
        self._now = now
        self._fresh = fresh
        self._sure: dict[tuple[Hashable, str], float] = {}
        """Process and partition → when the newest of its transactions began that was committed."""
        self._order = 0
        """Of all that happens."""
        self._began: dict[Hashable, tuple[int, float]] = {}
        self._confirmed: dict[tuple[Hashable, str], int] = {}
        """Process and partition → when the newest of its transactions that was committed was seen first."""
        self._read: dict[tuple[Hashable, str, str], int] = {}
        """Process, path and ETag → when the process has read it first."""
        self._noted: dict[Hashable, set[tuple[str, str]]] = defaultdict(set)
        """Process → account or group, and ETag: of its own writes and deliveries, and from before it came."""
        self._under_way: dict[int, tuple[Hashable, str, str]] = {}

    def acquired(self, process: Hashable, partition: str) -> None:
        """A sink has fenced whoever had the partition before, and reads what is known."""
        self._order += 1
        self._confirmed[process, partition] = self._order
        self._sure[process, partition] = self._now()
        for user, delivery in self._known.deliveries.items():
            if str(self._known.homes.get(user)) == partition and delivery["id"] is not None and delivery["etag"]:
                self._noted[process].add((delivery["id"], delivery["etag"]))

    def noted(self, process: Hashable, account: str | None, etag: str | None) -> None:
        """A sink has committed a delivery."""
        if account is not None and etag is not None:
            self._noted[process].add((account, etag))

    def began(self, transaction: Hashable) -> None:
        """The broker has heard of a transaction."""
        if transaction not in self._began:
            self._order += 1
            self._began[transaction] = self._order, self._now()

    def ended(self, transaction: Hashable, transactional_id: str, process: Hashable, *, committed: bool) -> None:
        """It has ended. `transaction` None: it held no records."""
        self._order += 1
        began, at = self._began.pop(transaction, (self._order, self._now()))
        if committed:
            place = (process, transactional_id.removeprefix(f"{self._group}-"))
            self._confirmed[place] = max(began, self._confirmed.get(place, 0))
            self._sure[place] = max(at, self._sure.get(place, at))

    def requested(
        self, number: int, process: Hashable, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """A request leaves a sink."""
        self._under_way[number] = (process, method, path.partition("?")[0])
        if method == "GET":
            return
        partition, _, rest = headers.get("X-Request-Id", "").partition("-")
        if not rest:
            return
        confirmed, etag = self._confirmed.get((process, partition), 0), headers.get("If-Match", "")
        read = self._read.get((process, path, etag), 0)
        if not confirmed:
            self._tell.fail("unconfirmed", f"{method} {path}: nobody has said that {partition} is this sink's")
            return
        if (old := self._now() - self._sure[process, partition]) > self._fresh:
            if not _takes_away(method, body):
                self._tell.fail("unconfirmed", f"{method} {path}: {partition} was this sink's {old:.1f} s ago")
                return
            self._tell.count("revocation by an old confirmation")
        if read and (path.rpartition("/")[2], etag) not in self._noted[process]:
            self._tell.count("write by an ETag that was read")
            if confirmed < read:
                self._tell.fail("unconfirmed", f"{method} {path}: {etag} was read after the last transaction began")

    def answered(self, number: int, status: int | None, headers: Mapping[str, str]) -> None:
        """A sink has its answer."""
        asked, etag = self._under_way.pop(number, None), headers.get("ETag")
        if asked is None or status not in {200, 201} or etag is None:
            return
        process, method, path = asked
        self._order += 1
        if method == "GET":
            self._read.setdefault((process, path, etag), self._order)
        else:  # it names what this sink itself has written
            self._noted[process].add((headers.get("Location", path).rpartition("/")[2], etag))


def _takes_away(method: str, body: bytes) -> bool:
    return method == "PATCH" and active_in(orjson.loads(body)) is False
