"""Evidence: a bundle of what the log holds of some users, from which whoever has it can recompute what came of it.

This page is the format: what each file is called, what a line of it holds, and how a finding about it is told. The raw
lines (events, records, outcomes, controls) are the log's own bytes with the place at which they lay. `chain.jsonl` and
the manifest follow from these alone, so who made the bundle and who verifies it compute them in the same way
(`evidence_accounts.py`).
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

from streamproc.core.history import Logged

FORMAT: Final = 1
EVENTS: Final = "events.jsonl"
RECORDS: Final = "records.jsonl"
OUTCOMES: Final = "outcomes.jsonl"
CONTROLS: Final = "controls.jsonl"
CHAIN: Final = "chain.jsonl"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
PUBLIC_KEY: Final = "public.pem"
README: Final = "README.md"
SUMS: Final = "SHA256SUMS"

TOPICS: Final = {
    EVENTS: "identity.changes",
    RECORDS: "scim.operations",
    OUTCOMES: "scim.outcomes",
    CONTROLS: "streamproc.controls",
}
"""File of raw lines → the topic whose records it holds."""
UNLISTED: Final = frozenset({MANIFEST, SIGNATURE, PUBLIC_KEY, SUMS})
"""Files that the manifest doesn't list: it can't, or they only vouch for it."""

LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a line: more than any record of ours takes, however it is escaped."""
SMALL: Final = 16 * 1024 * 1024
"""Bytes of a file that is read at once: manifest, sums, keys, a mapping."""
KEPT: Final = 1000
"""Findings that are kept."""


Kind: TypeAlias = Literal["altered", "added", "left out", "another key"]


class UnreadableError(Exception):
    """A file of the bundle can't be read to its end; says why."""


class Contents(Protocol):
    """The files of a bundle. `names` are in the bundle's order."""

    @property
    def names(self) -> Sequence[str]: ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file's bytes, in pieces that fit into memory. Raises UnreadableError."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What isn't as it should be. `line`: from 1. `seq`: the offset in `identity.changes` of the event it is about.

    `another key`: nothing was done to it, but it isn't whose one wants.
    """

    kind: Kind
    file: str
    what: str
    line: int | None = None
    user: str | None = None
    seq: int | None = None

    @property
    def told(self) -> str:
        """In one line."""
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        about = [] if self.user is None else [f"user {self.user}"]
        about += [] if self.seq is None else [f"seq {self.seq}"]
        return f"{self.kind}: {', '.join([place, *about])}: {self.what}"


class Findings:
    """All of them are counted, and the first `KEPT` kept."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0

    def keep(self, finding: Finding) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(finding)

    def find(self, kind: Kind, file: str, what: str, **more: Any) -> None:
        """The same; see `Finding`."""
        self.keep(Finding(kind, file, what, **more))

    def explain(self, finding: Finding, what: str) -> None:
        """Say it better, if it was kept."""
        self.kept = [replace(each, what=what) if each is finding else each for each in self.kept]


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a topic, as a line of the file. `timestamp`: ms since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> tuple[int, int]:
        """Lines lie in the order of this."""
        return self.partition, self.offset

    @classmethod
    def of(cls, logged: Logged) -> "Line":
        return cls(logged.partition, logged.offset, logged.timestamp, logged.key, logged.value)

    def logged(self, topic: str) -> Logged:
        """As it lay in the topic."""
        return Logged(topic, self.partition, self.offset, self.timestamp, self.key, self.value)

    def encoded(self) -> bytes:
        """Bytes as text where they are UTF-8, else as `key64` and `value64`, in base64. Ends with a newline."""
        place = {"partition": self.partition, "offset": self.offset, "timestamp": self.timestamp}
        return orjson.dumps(place | _text("key", self.key) | _text("value", self.value)) + b"\n"


def line_of(text: bytes) -> Line:
    """The line again. Raises ValueError with what is wrong with it, without what it says."""
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raw = None
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - it is the text that is wrong
    partition, offset, timestamp = (_number(raw, name) for name in ("partition", "offset", "timestamp"))
    key, value = _bytes(raw, "key"), _bytes(raw, "value")
    if raw:
        raise ValueError("it holds more than a line may")
    return Line(partition, offset, timestamp, key, value)


def lines(contents: Contents, name: str) -> Iterator[bytes]:
    """A file's lines, without the newline. Raises UnreadableError."""
    rest = b""
    for chunk in contents.chunks(name):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            raise UnreadableError(f"a line is longer than {LONGEST} bytes")
    if rest:
        yield rest


def whole(contents: Contents, name: str) -> bytes:
    """A small file. Raises UnreadableError."""
    found = bytearray()
    for chunk in contents.chunks(name):
        found += chunk
        if len(found) > SMALL:
            raise UnreadableError(f"it is longer than {SMALL} bytes")
    return bytes(found)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose evidence it is: named users, or all with an event, record or outcome in a period.

    `first` and `until` (not included) in ms since 1970; what came at or after `until` isn't looked at.
    """

    users: tuple[str, ...] = ()
    first: int | None = None
    until: int | None = None

    def why(self, kind: str, timestamp: int) -> set[str]:
        """Why a user with an event, record or outcome (`kind`) of that time is in it; empty: not because of that."""
        if self.users:
            return {"named"}
        return {kind} if (self.first or 0) <= timestamp and not self.beyond(timestamp) else set()

    def beyond(self, timestamp: int) -> bool:
        """Whether that is after the end."""
        return self.until is not None and timestamp >= self.until

    def shown(self) -> dict[str, Any]:
        """For the manifest."""
        return {"users": list(self.users) or None, "from": _iso(self.first), "to": _iso(self.until)}


def chosen_of(raw: Any) -> Chosen:
    """What a manifest says of it. Raises ValueError, TypeError or KeyError where it doesn't."""
    users, first, until = raw["users"], _ms(raw["from"]), _ms(raw["to"])
    if users is not None and (first is not None or not users or not all(isinstance(each, str) for each in users)):
        raise ValueError
    if users is None and (first is None or until is None):
        raise ValueError
    found = Chosen(tuple(users or ()), first, until)
    if found.shown() != raw:
        raise ValueError
    return found


def mapping_file(digest: str) -> str:
    """Name of a mapping's file."""
    return f"mappings/{digest}.toml"


def sums(digests: Iterable[tuple[str, str]]) -> bytes:
    """`SHA256SUMS`, from name and SHA-256 of each other file; `sha256sum -c` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests)).encode()


def short(value: Any) -> str:
    """A JSON value, as much of it as goes into a finding."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ms(said: str | None) -> int | None:
    return None if said is None else round(datetime.fromisoformat(said).timestamp() * 1000)


def _text(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}64": b64encode(content).decode()}


def _number(raw: dict[str, Any], name: str) -> int:
    number = raw.pop(name, None)
    if type(number) is not int or not 0 <= number < 2**63:
        raise ValueError(f"{name} isn't a whole number")
    return number


def _bytes(raw: dict[str, Any], name: str) -> bytes | None:
    if name in raw:
        text = raw.pop(name)
        if text is None:
            return None
        if isinstance(text, str):
            return text.encode()
    else:
        text = raw.pop(f"{name}64", None)
        if isinstance(text, str):
            return b64decode(text, validate=True)  # a ValueError of its own where it isn't base64
    raise ValueError(f"{name} isn't text")
