"""What the log says of the past: it replays to the very bytes that were recorded, and "as of" a moment is what was.

The product's own replay and its answers as of a moment are what is tested here; what they have to say is told by the
log as it was appended, before compaction, and by the target's ledger.
"""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson

from streamproc.archive.per_partition import map_partitions
from streamproc.audit.asof.query import as_of
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import verify
from streamproc.core.errors import HistoryError
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.units import Millis
from tests.simulation.invariants.watching import Telling

CHANGES = "identity.changes"
OUTCOMES = "scim.outcomes"
KEPT = frozenset(
    {CHANGES, OUTCOMES, "scim.operations", "scim.deliveries", "events.rejected", "streamproc.controls", "scim.findings"}
)
SHOWN = ("active", "userName", "displayName", "title")
"""Attributes that are the same in the log's words and in the target's."""
Told = tuple[int, str, int]
"""What the log tells of a request: when it was answered last, the verdict on it, and when it was sent; ms."""
QUESTIONS = 2
"""Moments that are asked about."""


class Past:
    """`exact`: whether all clocks are right, without which nobody knows which of two came first."""

    def __init__(self, telling: Telling, partitions: int, chance: Random, *, exact: bool) -> None:
        self._tell = telling
        self._partitions = partitions
        self._chance = chance
        self._exact = exact
        self._places: dict[tuple[str, int], list[StoredRecord]] = defaultdict(list)
        self._writes: dict[str, list[tuple[int, str | None, dict[str, Any]]]] = defaultdict(list)
        """User → when something was written (ms since 1970), by which request, and what is shown since."""

    def appended(self, stored: Any) -> None:
        """A record that counts, as the broker has it."""
        if stored.topic in KEPT:
            self._places[stored.topic, stored.partition].append(
                StoredRecord(
                    stored.topic,
                    stored.partition,
                    stored.offset,
                    Millis(stored.timestamp),
                    stored.key,
                    stored.value,
                    tuple(stored.headers),
                )
            )

    def written(self, user: str, at: float, request_id: str | None, shown: dict[str, Any]) -> None:
        """The target holds something else of a user. `at`: s since 1970. `request_id` None: somebody else did it."""
        self._writes[user].append((round(at * 1000), request_id, shown))

    def end(self) -> None:
        """Nothing is under way any more."""
        history = _History(self._places, self._partitions)
        if any(topic == CHANGES for topic, _ in self._places):
            self._replay(history)
        if self._exact:
            self._ask(history)

    def _replay(self, history: InMemoryHistory) -> None:
        self._tell.count("replay")
        try:
            result = verify(history, PartitionRequest(), map_partitions)
        except HistoryError as error:
            self._tell.fail("replay", str(error))
            return
        if result.first is not None:
            self._tell.fail("replay", result.first.sentence)

    def _ask(self, history: InMemoryHistory) -> None:
        answers = self._answers()
        for _ in range(QUESTIONS if self._writes else 0):
            user = self._chance.choice(sorted(self._writes))
            times = [at for at, *_ in self._writes[user]]
            at = self._chance.randint(times[0], times[-1] + 2000)
            for answer in as_of(history, at, user):
                self._compare(user, at, answer.acknowledged, answers)

    def _compare(self, user: str, at: int, known: Any, answers: dict[str, Told]) -> None:
        before = [each for each in self._writes[user] if each[0] <= at]
        if not before or known.open or any(request is None for _, request, _ in self._writes[user]):
            return
        _, request, shown = before[-1]
        answered, *_ = answers.get(request or "", (at + 1, "unknown", 0))
        if answered >= at or any(_is_untold(written, answers.get(each or "")) for written, each, _ in before):
            return  # its answer was under way, or of one of them nobody has lived to tell it, and it may land late
        self._tell.count("as of")
        if known.state in {"unsaid", "absent"}:
            return  # who was created by a request that wasn't answered counts as absent until they are found
        holds = known.holds or {}
        differing = {name: (holds.get(name), shown.get(name)) for name in SHOWN if holds.get(name) != shown.get(name)}
        if known.state != "holds" or differing:
            self._tell.fail("as of", f"{user} at {at}: {known.state}, (said, was): {differing}")

    def _answers(self) -> dict[str, Told]:
        """By request; "unknown" if that was said of any of its sendings."""
        found: dict[str, Told] = {}
        for (topic, _), records in self._places.items():
            for stored in records if topic == OUTCOMES else ():
                line = orjson.loads(stored.value or b"{}")
                for each in line.get("requests", ()):
                    every = {found.get(each["id"], (-1, "", -1)), (each["answered"], line["verdict"], each["sent"])}
                    last, said, sent = max(every)
                    found[each["id"]] = last, "unknown" if "unknown" in {word for _, word, _ in every} else said, sent
        return found


def _is_untold(written: int, answer: Told | None) -> bool:
    """Whether nobody has told that something was carried out at `written` (ms). A request that was refused may be sent
    again with its id: what is told of it then may be the refusal alone, from before. So may one that a lost turn had
    sent: its version doesn't fit any more because of the first.
    """
    answered, said, sent = answer or (0, "unknown", 0)
    again = said == "conflict" and sent > written
    return said == "unknown" or again or (said != "delivered" and answered < written)


class _History(InMemoryHistory):
    """The same, with each partition's records by themselves."""

    def __init__(self, places: dict[tuple[str, int], list[StoredRecord]], partitions: int) -> None:
        super().__init__((), partitions)
        self._places = {place: sorted(records, key=lambda one: one.offset) for place, records in places.items()}

    def read(
        self, topic: str, partition: int, *, first: int = 0, until: int | None = None, key: bytes | None = None
    ) -> Iterator[StoredRecord]:
        for one in self._places.get((topic, partition), ()):
            if one.offset >= first and (until is None or one.timestamp < until) and key in {None, one.key}:
                yield one
