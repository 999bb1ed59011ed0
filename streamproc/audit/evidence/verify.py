"""Check: is a bundle what it says it is? Needs the bundle alone.

Three nets, one behind the other. The sums find a change of any byte. What can be computed from the raw lines finds one
whose sums were made anew. Only a signature, or the manifest's SHA-256 kept elsewhere, finds a bundle that was made anew
as a whole, from events that were never there.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from streamproc.audit.evidence.checksums import Checksums, Signature
from streamproc.audit.evidence.finding import Finding, Findings, short
from streamproc.audit.evidence.format import (
    CHAIN,
    EVENTS,
    MANIFEST,
    Contents,
    UnreadableError,
    lines,
    mapping_file,
    whole,
)
from streamproc.audit.evidence.scope import Scope, scope_of
from streamproc.audit.evidence.signature import public_key
from streamproc.audit.evidence.user_tallies import UserTallies
from streamproc.audit.evidence.user_tally import UserTally
from streamproc.core.errors import NoBundleError

COUNTED: Final = ("users", "events", "records", "compacted", "unwritten", "outcomes", "open", "orders", "mappings")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check came to. `signer`: fingerprint of the key that signed it. `head`: SHA-256 of the manifest.

    `made_by`: the version of streamproc, as the manifest says: another one may fold otherwise.
    """

    findings: tuple[Finding, ...]
    finding_count: int
    counts: dict[str, int]
    chosen: Scope
    redacted: bool
    signature: Signature
    signer: str | None
    head: str
    made_by: str

    @property
    def equal(self) -> bool:
        return self.finding_count == 0


class Derived:
    """What follows from a bundle's raw lines: `chain()` gives each user's account, and then `manifest()` can be had."""

    def __init__(self, contents: Contents, chosen: Scope, find: Callable[[Finding], None]) -> None:
        self.accounts = UserTallies(contents, chosen, find)
        self.users: set[str] = set()
        self._counts: Counter[str] = Counter()

    def chain(self) -> Iterator[UserTally]:
        """By partition and user."""
        for account in self.accounts.each():
            self.users.add(account.user)
            self._counts["users"] += 1
            self._counts["events"] += account.events
            self._counts["records"] += len(account.folded)
            for name in ("compacted", "unwritten", "open"):
                self._counts[name] += len(getattr(account, name))
            self._counts["outcomes"] += account.outcomes
            yield account
        self._counts["orders"] = self.accounts.orders
        self._counts["mappings"] = len(self.accounts.texts)

    @property
    def counts(self) -> dict[str, int]:
        return {name: self._counts[name] for name in COUNTED}

    def shown(self) -> dict[str, Any]:
        """Counts and ranges, as the manifest has them."""
        return {"counts": self.counts, "ranges": self.accounts.ranges}


def check(contents: Contents, trusted: bytes | None = None, say: Callable[[str], None] = lambda _: None) -> Verified:
    """Look at everything. `trusted`: the public key (PEM) by which it has to be signed.

    Raises NoBundleError where it isn't a bundle, and ValueError where `trusted` isn't such a key.
    """
    return _Check(contents, trusted, say).run()


class _Check:
    def __init__(self, contents: Contents, trusted: bytes | None, say: Callable[[str], None]) -> None:
        self._contents = contents
        self._trusted = None if trusted is None else public_key(trusted)
        self._say = say
        self._findings = Findings()

    def run(self) -> Verified:
        if MANIFEST not in self._contents.names:
            raise NoBundleError(f"not an evidence bundle: it has no {MANIFEST}")
        self._say("sums")
        sums = Checksums(self._contents, self._findings)
        sums.measure()
        manifest = sums.manifest()
        sums.compare(manifest)
        signature, signer = sums.signature(manifest, self._trusted)
        try:
            chosen = scope_of(manifest.get("chosen"))
        except (ValueError, TypeError, KeyError, OverflowError):
            self._findings.find("altered", MANIFEST, "chosen: it doesn't say whose evidence this is")
            chosen = Scope()
        derived = Derived(self._contents, chosen, self._findings.keep)
        redacted = isinstance(manifest.get("redacted"), dict)
        self._chain(derived, redacted=redacted)
        self._derived(manifest, derived, chosen)
        self._mappings(derived)
        for finding, what in derived.accounts.differences():
            self._findings.explain(finding, what)
        return Verified(
            tuple(self._findings.kept),
            self._findings.count,
            derived.counts,
            chosen,
            redacted,
            signature,
            signer,
            sums.files.get(MANIFEST, {}).get("sha256", ""),
            str(manifest.get("streamproc")),
        )

    def _chain(self, derived: Derived, *, redacted: bool) -> None:
        recorded = self._links()
        head = next(recorded, None)
        partition = -1
        for account in derived.chain():
            place = (account.partition, account.user)
            if account.partition != partition:
                partition = account.partition
                self._say(f"partition {partition}")
            while head is not None and head[0] < place:
                self._findings.find("added", CHAIN, "no event of this user is there", line=head[1], user=head[0][1])
                head = next(recorded, None)
            if head is None or head[0] != place:
                self._findings.find("left out", CHAIN, "nothing is said of this user", user=account.user)
                continue
            self._link(account, head[1], head[2], redacted=redacted)
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

    def _link(self, account: UserTally, line: int, raw: dict[str, Any], *, redacted: bool) -> None:
        """A user's chain as it is recorded, against the one that the fold gives."""
        user = account.user
        if redacted and (broken := _unlinked(raw)) is not None:
            what = "the chain of the original records is broken here"
            self._findings.find("altered", CHAIN, what, line=line, user=user, seq=broken)
        expected = account.shown()
        if raw == expected:
            return
        names = sorted(name for name in raw.keys() | expected.keys() if raw.get(name) != expected.get(name))
        if names == ["records"] or "records" in names:
            seqs = [each["seq"] for each in expected["records"]]
            pairs = zip(raw.get("records") or [], expected["records"], strict=False)
            seq = next((right["seq"] for left, right in pairs if left != right), seqs[-1] if seqs else None)
            what = "isn't the chain that the events give: first different here"
            self._findings.find("altered", CHAIN, what, line=line, user=user, seq=seq)
            names = [name for name in names if name not in {"records", "head"}]
        for name in names:
            what = f"{name}: {short(raw.get(name))} is said, {short(expected.get(name))} is there"
            self._findings.find("altered", CHAIN, what, line=line, user=user)

    def _derived(self, manifest: dict[str, Any], derived: Derived, chosen: Scope) -> None:
        for name, expected in derived.shown().items():
            said = manifest.get(name)
            if said != expected:
                found = said if isinstance(said, dict) else {}
                for each in sorted(expected.keys() | found.keys()):
                    if expected.get(each) == found.get(each):
                        continue
                    what = f"{name}: {each}: {short(found.get(each))} is said, {short(expected.get(each))} is there"
                    self._findings.find("altered", MANIFEST, what)
        for user in sorted(set(chosen.users) - derived.users):
            self._findings.find("left out", EVENTS, "the manifest names this user, of whom nothing is there", user=user)
        for user in sorted(derived.users - set(chosen.users)) if chosen.users else ():
            self._findings.find("added", EVENTS, "the manifest doesn't name this user", user=user)

    def _mappings(self, derived: Derived) -> None:
        texts = {mapping_file(digest): text.encode() for digest, text in derived.accounts.texts.items()}
        there = {name for name in self._contents.names if name.startswith("mappings/")}
        for name in sorted(texts.keys() | there):
            if name not in there:
                self._findings.find("left out", name, "an event brought this mapping")
            elif name not in texts:
                self._findings.find("added", name, "no event brought this mapping")
            else:
                try:
                    same = whole(self._contents, name) == texts[name]
                except UnreadableError:
                    continue  # told before
                if not same:
                    self._findings.find("altered", name, "not the text that its event brought")


def _unlinked(raw: dict[str, Any]) -> int | None:
    """Takes the originals' hashes out of a chain. Returns the first seq at which one doesn't follow from the last."""
    before, broken = "", None
    records = raw.get("records")
    for each in records if isinstance(records, list) else ():
        original = each.pop("original", None) if isinstance(each, dict) else None
        good = isinstance(original, dict) and original.keys() == {"before", "hash"} and original["before"] == before
        if not good and broken is None:
            broken = each.get("seq", -1) if isinstance(each, dict) else -1
        before = original.get("hash", "") if isinstance(original, dict) else ""
    return broken
