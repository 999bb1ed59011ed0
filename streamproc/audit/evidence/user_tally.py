"""What is noted of one user while a bundle's lines are read."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.core.records.user_record import FIRST


@dataclass(frozen=True, slots=True)
class Folded:
    """A record as the fold gives it. Of its cause and its bytes it holds only the digests."""

    prev: int
    before: str
    hash: str
    effect: str
    cause: bytes
    value: bytes

    @classmethod
    def of(cls, value: bytes) -> "Folded":
        """The digests of a record's bytes."""
        raw = orjson.loads(value)
        cause = cause_digest(raw["cause"])
        return cls(raw["prev"], raw["before"], raw["hash"], raw["effect"], cause, hashlib.sha256(value).digest())


def cause_digest(cause: Any) -> bytes:
    """A digest that is the same for equal causes, in whatever order their fields are."""
    return hashlib.blake2b(orjson.dumps(cause, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


@dataclass(slots=True)
class UserTally:
    """One user, and what the bundle has of them."""

    user: str
    partition: int
    events: int = 0
    folded: dict[int, Folded] = field(default_factory=dict)
    """Seq → the record that its event gives."""
    recorded: set[int] = field(default_factory=set)
    """Seqs of the records that are there."""
    fates: list[tuple[int, int, int]] = field(default_factory=list)
    """Since which seq, up to which seq, and line, of each final outcome, in the file's order."""
    why: set[str] = field(default_factory=set)
    """Why the user is in the bundle: named, or by an event, record or outcome of the period."""
    outcomes: int = 0

    @property
    def compacted(self) -> list[int]:
        """Seqs of records that compaction removed."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq not in self.recorded and seq < newest]

    @property
    def unwritten(self) -> list[int]:
        """Seqs of records that weren't written yet."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq > newest]

    @property
    def open(self) -> list[int]:
        """Seqs without a fate yet."""
        newest = max((seq for _, seq, _ in self.fates), default=FIRST)
        return [seq for seq in self.folded if seq > newest]

    def as_object(self) -> dict[str, Any]:
        """Its line of `chain.jsonl`."""
        return {
            "user": self.user,
            "partition": self.partition,
            "why": sorted(self.why),
            "events": self.events,
            "outcomes": self.outcomes,
            "records": [
                {"seq": seq, "prev": folded.prev, "before": folded.before, "hash": folded.hash}
                for seq, folded in self.folded.items()
            ],
            "head": next((folded.hash for folded in reversed(self.folded.values())), ""),
            "compacted": self.compacted,
            "unwritten": self.unwritten,
            "open": self.open,
        }
