"""Checks whether a bundle is what it says it is. Needs the bundle alone.

Three nets lie one behind the other. The sums find a change of any byte. What is computed from the raw lines finds a
change after which the sums were made anew. Only a signature, or the manifest's SHA-256 written down elsewhere, finds a
bundle that was made anew as a whole, from events that never were.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from streamproc.audit.evidence.checksums import Checksums, Signature
from streamproc.audit.evidence.events import Bounds
from streamproc.audit.evidence.finding import Finding, Findings, same, short
from streamproc.audit.evidence.format import (
    CHAIN,
    EVENTS,
    MANIFEST,
    Contents,
    UnreadableError,
    lines,
    mapping_file,
    read_small,
)
from streamproc.audit.evidence.scope import Scope, scope_of
from streamproc.audit.evidence.signature import public_key
from streamproc.audit.evidence.user_tallies import UserTallies
from streamproc.audit.evidence.user_tally import UserTally
from streamproc.core.errors import NoBundleError

LINKED: Final = 100
"""Fewest bytes that a user, or a record, takes in `chain.jsonl`."""
SLACK: Final = 1000
AGAIN: Final = 200_000
OFTEN: Final = 100
"""How often each line is read again at most, beyond the first `AGAIN` lines."""
UNBOUNDED: Final = Bounds()
ORIGINAL: Final = re.compile("[0-9a-f]{64}")
COUNTED: Final = ("users", "events", "records", "compacted", "unwritten", "outcomes", "open", "orders", "mappings")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check came to."""

    findings: tuple[Finding, ...]
    """The first ones."""
    finding_count: int
    counts: dict[str, int]
    scope: Scope
    redacted: bool
    signature: Signature
    signer: str | None
    """Fingerprint of the key that signed it."""
    head: str
    """SHA-256 of the manifest."""
    made_by: str
    """The version of streamproc that the manifest names; another version may fold otherwise."""

    @property
    def equal(self) -> bool:
        return self.finding_count == 0


class Derived:
    """What follows from a bundle's raw lines. `chain()` yields each user's tally; the rest is known after it.

    `bounds`: beyond them it is a finding, and the end.
    """

    def __init__(
        self, contents: Contents, scope: Scope, find: Callable[[Finding], None], bounds: Bounds = UNBOUNDED
    ) -> None:
        self.tallies = UserTallies(contents, scope, find, bounds)
        self.users: set[str] = set()
        self._counts: Counter[str] = Counter()

    def chain(self) -> Iterator[UserTally]:
        """The tallies, by partition and user."""
        for tally in self.tallies.in_order():
            self.users.add(tally.user)
            self._counts["users"] += 1
            self._counts["events"] += tally.events
            self._counts["records"] += len(tally.folded)
            for name in ("compacted", "unwritten", "open"):
                self._counts[name] += len(getattr(tally, name))
            self._counts["outcomes"] += tally.outcomes
            yield tally
        self._counts["orders"] = self.tallies.orders
        self._counts["mappings"] = len(self.tallies.texts)

    @property
    def counts(self) -> dict[str, int]:
        return {name: self._counts[name] for name in COUNTED}

    def as_object(self) -> dict[str, Any]:
        """Counts and ranges, as JSON for the manifest."""
        return {"counts": self.counts, "ranges": self.tallies.ranges}


def check(contents: Contents, trusted: bytes | None = None) -> Generator[str, None, Verified]:
    """Check everything. Yields what is looked at next, in words, and returns the result.

    `trusted`: the public key (PEM) by which it has to be signed. Raises NoBundleError where it isn't a bundle, and
    ValueError where `trusted` isn't such a key.
    """
    return (yield from _Check(contents, trusted).run())


class _Check:
    def __init__(self, contents: Contents, trusted: bytes | None) -> None:
        self._contents = contents
        self._trusted = None if trusted is None else public_key(trusted)
        self._findings = Findings()

    def run(self) -> Generator[str, None, Verified]:
        if MANIFEST not in self._contents.names:
            raise NoBundleError(f"not an evidence bundle: it has no {MANIFEST}")
        yield "sums"
        sums = Checksums(self._contents, self._findings)
        sums.measure()
        manifest = sums.manifest()
        sums.compare(manifest)
        signature, signer = sums.signature(manifest, self._trusted)
        try:
            scope = scope_of(manifest.get("chosen"))
        except (ValueError, TypeError, KeyError, OverflowError):
            self._findings.find("altered", MANIFEST, "chosen: it doesn't say whose evidence this is")
            scope = Scope()
        chain, events = sums.files.get(CHAIN, {}).get("bytes", 0), sums.files.get(EVENTS, {}).get("lines", 0)
        bounds = Bounds(SLACK + chain // LINKED, AGAIN + OFTEN * events)
        derived = Derived(self._contents, scope, self._findings.add, bounds)
        redacted = isinstance(manifest.get("redacted"), dict)
        yield from self._chain(derived, redacted=redacted)
        self._derived(manifest, derived, scope)
        self._mappings(derived)
        for finding, what in derived.tallies.differences():
            self._findings.explain(finding, what)
        return Verified(
            tuple(self._findings.first),
            self._findings.count,
            derived.counts,
            scope,
            redacted,
            signature,
            signer,
            sums.files.get(MANIFEST, {}).get("sha256", ""),
            str(manifest.get("streamproc")),
        )

    def _chain(self, derived: Derived, *, redacted: bool) -> Iterator[str]:
        """Compare each user's recorded chain with the one that the fold gives."""
        recorded = self._links()
        head = next(recorded, None)
        partition = -1
        for tally in derived.chain():
            partition_and_user = (tally.partition, tally.user)
            if tally.partition != partition:
                partition = tally.partition
                yield f"partition {partition}"
            while head is not None and head[0] < partition_and_user:
                self._findings.find("added", CHAIN, "no event of this user is there", line=head[1], user=head[0][1])
                head = next(recorded, None)
            if head is None or head[0] != partition_and_user:
                self._findings.find("left out", CHAIN, "nothing is said of this user", user=tally.user)
                continue
            self._link(tally, head[1], head[2], redacted=redacted)
            head = next(recorded, None)
        while head is not None:
            self._findings.find("added", CHAIN, "no event of this user is there", line=head[1], user=head[0][1])
            head = next(recorded, None)

    def _links(self) -> Iterator[tuple[tuple[int, str], int, dict[str, Any]]]:
        if CHAIN not in self._contents.names:
            return
        number = 0
        try:
            for number, text in enumerate(lines(self._contents, CHAIN), 1):
                try:
                    raw = orjson.loads(text)
                except orjson.JSONDecodeError:
                    raw = None
                known = raw if isinstance(raw, dict) else {}
                user, partition = known.get("user"), known.get("partition")
                if isinstance(user, str) and isinstance(partition, int):
                    yield (partition, user), number, known
                else:
                    self._findings.find("altered", CHAIN, "not a user's chain", line=number)
        except UnreadableError as error:
            self._findings.find("altered", CHAIN, f"can't be read beyond line {number}: {error}")

    def _link(self, tally: UserTally, line: int, raw: dict[str, Any], *, redacted: bool) -> None:
        """Compare one user's chain."""
        user = tally.user
        if redacted and (broken := _unlinked(raw)) is not None:
            what = "nothing stands in for the original record's hash, or a hash that can be tried out"
            self._findings.find("altered", CHAIN, what, line=line, user=user, seq=broken)
        expected = tally.as_object()
        names = sorted(name for name in raw.keys() | expected.keys() if not same(raw.get(name), expected.get(name)))
        if names == ["records"] or "records" in names:
            seqs = [record["seq"] for record in expected["records"]]
            recorded = raw.get("records")
            pairs = zip(recorded if isinstance(recorded, list) else (), expected["records"], strict=False)
            seq = next((right["seq"] for left, right in pairs if not same(left, right)), seqs[-1] if seqs else None)
            what = "isn't the chain that the events give: first different here"
            self._findings.find("altered", CHAIN, what, line=line, user=user, seq=seq)
            names = [name for name in names if name not in {"records", "head"}]
        for name in names:
            what = f"{name}: {short(raw.get(name))} is said, {short(expected.get(name))} is there"
            self._findings.find("altered", CHAIN, what, line=line, user=user)

    def _derived(self, manifest: dict[str, Any], derived: Derived, scope: Scope) -> None:
        """Compare counts, ranges and users with the manifest."""
        for section, expected in derived.as_object().items():
            manifest_section = manifest.get(section)
            named = manifest_section if isinstance(manifest_section, dict) else {}
            for name in sorted(expected.keys() | named.keys()):
                if not same(expected.get(name), named.get(name)):
                    what = f"{section}: {name}: {short(named.get(name))} is said, {short(expected.get(name))} is there"
                    self._findings.find("altered", MANIFEST, what)
        for user in sorted(set(scope.users) - derived.users):
            self._findings.find("left out", EVENTS, "the manifest names this user, of whom nothing is there", user=user)
        for user in sorted(derived.users - set(scope.users)) if scope.users else ():
            self._findings.find("added", EVENTS, "the manifest doesn't name this user", user=user)

    def _mappings(self, derived: Derived) -> None:
        texts = {mapping_file(digest): text.encode() for digest, text in derived.tallies.texts.items()}
        there = {name for name in self._contents.names if name.startswith("mappings/")}
        for name in sorted(texts.keys() | there):
            if name not in there:
                self._findings.find("left out", name, "an event brought this mapping")
            elif name not in texts:
                self._findings.find("added", name, "no event brought this mapping")
            else:
                try:
                    same = read_small(self._contents, name) == texts[name]
                except UnreadableError:
                    same = False
                if not same:
                    self._findings.find("altered", name, "not the text that its event brought")


def _unlinked(raw: dict[str, Any]) -> int | None:
    """Take what stands in for the originals' hashes out of a chain. Returns the first seq where there is none."""
    broken = None
    records = raw.get("records")
    for record in records if isinstance(records, list) else ():
        original = record.pop("original", None) if isinstance(record, dict) else None
        if broken is None and not (isinstance(original, str) and ORIGINAL.fullmatch(original)):
            broken = record.get("seq", -1) if isinstance(record, dict) else -1
    return broken
