"""Account: what is noted of one user on the way through a bundle's lines."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.core.records.user_record import FIRST


@dataclass(frozen=True, slots=True)
class Folded:
    """A record as the fold gives it; of its bytes and its cause only the digests are kept."""

    prev: int
    before: str
    hash: str
    effect: str
    cause: bytes
    value: bytes

    @classmethod
    def of(cls, value: bytes) -> "Folded":
        """Of the record's bytes."""
        raw = orjson.loads(value)
        cause = cause_digest(raw["cause"])
        return cls(raw["prev"], raw["before"], raw["hash"], raw["effect"], cause, hashlib.sha256(value).digest())


def cause_digest(cause: Any) -> bytes:
    """The same of equal causes, in whatever order they have their fields."""
    return hashlib.blake2b(orjson.dumps(cause, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


@dataclass(slots=True)
class UserTally:
    """One user. `folded` by seq; `fates`: (since, seq, line) of each final outcome, as the file has them."""

    user: str
    partition: int
    events: int = 0
    folded: dict[int, Folded] = field(default_factory=dict)
    recorded: set[int] = field(default_factory=set)
    fates: list[tuple[int, int, int]] = field(default_factory=list)
    why: set[str] = field(default_factory=set)
    outcomes: int = 0

    @property
    def compacted(self) -> list[int]:
        """Seqs of records that are no more."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq not in self.recorded and seq < newest]

    @property
    def unwritten(self) -> list[int]:
        """Seqs of records that aren't there yet."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq > newest]

    @property
    def open(self) -> list[int]:
        """Seqs whose fate wasn't told yet."""
        told = max((seq for _, seq, _ in self.fates), default=FIRST)
        return [seq for seq in self.folded if seq > told]

    def shown(self) -> dict[str, Any]:
        """Its line of `chain.jsonl`."""
        return {
            "user": self.user,
            "partition": self.partition,
            "why": sorted(self.why),
            "events": self.events,
            "outcomes": self.outcomes,
            "records": [
                {"seq": seq, "prev": each.prev, "before": each.before, "hash": each.hash}
                for seq, each in self.folded.items()
            ],
            "head": next((each.hash for each in reversed(self.folded.values())), ""),
            "compacted": self.compacted,
            "unwritten": self.unwritten,
            "open": self.open,
        }
