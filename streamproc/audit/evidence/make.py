"""Makes a bundle of evidence from the log, in streams, so that memory doesn't bound its size.

The raw lines go into the bundle first. All else is computed from them as they lie there, by the code that verifies a
bundle, and the new bundle is verified before it gets its name.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streamproc import __version__
from streamproc.audit.evidence.bundle_zip import PIECE, Packer, Unpacked
from streamproc.audit.evidence.checksums import manifest_entry
from streamproc.audit.evidence.format import (
    CHAIN,
    CONTROLS,
    EVENTS,
    FORMAT,
    MANIFEST,
    OUTCOMES,
    PUBLIC_KEY,
    README,
    RECORDS,
    SIGNATURE,
    SUMS,
    mapping_file,
    sums,
)
from streamproc.audit.evidence.raw_line import Line
from streamproc.audit.evidence.readme import ABOUT
from streamproc.audit.evidence.redact_bundle import Redacted
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.signature import fingerprint, public_pem
from streamproc.audit.evidence.spool import Spool
from streamproc.audit.evidence.verify import Derived, Verified, check
from streamproc.core.errors import EvidenceError, MappingError
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.records.mapping_in_force import mapping_event
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import History, StoredRecord, as_json
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.topic_names import CONTROLS as CONTROLS_TOPIC
from streamproc.core.records.topic_names import OUTCOMES as OUTCOMES_TOPIC
from streamproc.core.records.user_record import OURS

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of the chain that stay in memory; more go to a temporary file."""
Say = Callable[[str], None]


def make(
    history: History,
    scope: Scope,
    target: Path,
    *,
    signer: Ed25519PrivateKey | None = None,
    redact: bytes | None = None,
    keep: Collection[str] = (),
    say: Say = lambda _: None,
) -> Verified:
    """Write a bundle, and verify it. `redact`: the key of the hashes that stand in for personal data; `keep`:
    facts that stay even so.

    A log that isn't whole gives a bundle that says so, as the result does; such a bundle can't be redacted. Raises
    EvidenceError where the log has none of the chosen users, or the bundle can't be made.
    """
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        bundle = Path(name) / "bundle"
        gathering = _Gathering(history, scope, say)
        with bundle.open("x+b") as file:
            _write(file, gathering.files(), scope, None if redact is not None else signer)
        verified = _verified(bundle, None if redact is not None else signer, say)
        if redact is not None:
            if not verified.equal:
                raise EvidenceError(
                    f"it can't be redacted, since the log isn't whole: {verified.findings[0].sentence}; "
                    f"{verified.finding_count} in all, which the bundle shows without --redact"
                )
            say("redacting")
            redacted_to = Path(name) / "redacted"
            _redact(bundle, redacted_to, scope, redact, keep, signer)
            bundle = redacted_to
            verified = _verified(bundle, signer, say)
        bundle.chmod(0o600)
        bundle.replace(target)
    return verified


def verify(file: Path, trusted: bytes | None = None, say: Say = lambda _: None) -> Verified:
    """Verify a bundle. `trusted`: a public key (PEM) by which it has to be signed.

    Raises NoBundleError where it isn't one, and ValueError where `trusted` isn't such a key.
    """
    with Unpacked(file) as contents:
        steps = check(contents, trusted)
        while True:
            try:
                say(next(steps))
            except StopIteration as ended:
                verified: Verified = ended.value
                return verified


def _verified(file: Path, signer: Ed25519PrivateKey | None, say: Say) -> Verified:
    return verify(file, None if signer is None else public_pem(signer.public_key()), say)


def _redact(
    original: Path, target: Path, scope: Scope, key: bytes, keep: Collection[str], signer: Ed25519PrivateKey | None
) -> None:
    with Unpacked(original) as contents, tempfile.TemporaryFile() as spool, target.open("x+b") as file:
        redacted = Redacted(contents, key, Spool(spool), keep)
        _write(file, redacted.files(), redacted.chosen(scope), signer, redacted)


def _write(
    file: BinaryIO,
    files: Iterable[tuple[str, Iterable[bytes]]],
    scope: Scope,
    signer: Ed25519PrivateKey | None,
    redacted: Redacted | None = None,
) -> None:
    with Packer(file) as packer:
        for name, pieces in files:
            packer.add(name, pieces)
        derived = Derived(packer, scope, lambda _: None)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
            for tally in derived.chain():
                shown = tally.as_object() if redacted is None else redacted.linked(tally.as_object())
                spool.write(orjson.dumps(shown) + b"\n")
            spool.seek(0)
            packer.add(CHAIN, iter(lambda: spool.read(PIECE), b""))
        packer.add(README, [ABOUT.encode()])
        manifest = {
            "format": FORMAT,
            "streamproc": __version__,
            "chosen": scope.as_object(),
            "redacted": None if redacted is None else redacted.as_object(),
            "signed_by": None if signer is None else fingerprint(signer.public_key()),
            **derived.as_object(),
            "files": {name: manifest_entry(packer, name) for name in packer.names},
        }
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
        packer.add(MANIFEST, [content])
        if signer is not None:
            packer.add(SIGNATURE, [signer.sign(content)])
            packer.add(PUBLIC_KEY, [public_pem(signer.public_key())])
        packer.add(SUMS, [sums((name, manifest_entry(packer, name)["sha256"]) for name in packer.names)])


class _Gathering:
    """What the log has of the chosen users. The files are read in their order: each decides what the next one holds."""

    def __init__(self, history: History, scope: Scope, say: Say) -> None:
        self._history = history
        self._scope = scope
        self._say = say
        self._keys: dict[int, set[bytes]] = {}
        self._users_with_events: set[bytes] = set()
        """Keys of users with an event."""
        self._last_offsets: dict[int, int] = {}
        """Partition → offset of the last event that counts."""
        self._texts: dict[str, str] = {}
        self._subjects: set[str] = set()
        self._orders: set[str] = set()
        self._mapping_orders: set[tuple[int, int]] = set()
        """Partition and offset of the orders that brought mappings."""

    def files(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        self._keys = self._chosen_keys()
        yield EVENTS, self._encoded(EVENTS, self._events())
        self._require_events()
        yield RECORDS, self._encoded(RECORDS, self._records())
        yield OUTCOMES, self._encoded(OUTCOMES, self._outcomes())
        yield CONTROLS, self._encoded(CONTROLS, self._controls())
        for digest, text in sorted(self._texts.items()):
            yield mapping_file(digest), [text.encode()]

    def _encoded(self, name: str, records: Iterable[StoredRecord]) -> Iterator[bytes]:
        count = 0
        for logged in records:
            count += 1
            yield Line.of(logged).encoded()
        self._say(f"{name}: {count} {'line' if count == 1 else 'lines'}")

    def _chosen_keys(self) -> dict[int, set[bytes]]:
        """Partition → the chosen users in it."""
        keys: dict[int, set[bytes]] = {}
        for user in self._scope.users:
            key = user.encode()
            keys.setdefault(partition_of(key, self._history.partitions), set()).add(key)
        for partition in () if self._scope.users else range(self._history.partitions):
            users: Counter[bytes] = Counter()
            for topic in (CHANGES, OPERATIONS, OUTCOMES_TOPIC):
                for logged in self._history.read(topic, partition, until=self._scope.until):
                    mapping = topic == CHANGES and mapping_event(logged) is not None
                    if logged.key is not None and self._scope.why(topic, logged.timestamp) and not mapping:
                        users[logged.key] += 1
            keys[partition] = set(users)
        return {partition: keys[partition] for partition in sorted(keys) if keys[partition]}

    def _require_events(self) -> None:
        unknown = sorted(user for user in self._scope.users if user.encode() not in self._users_with_events)
        if unknown:
            raise EvidenceError(
                f"no event of {', '.join(unknown)} is in the log; user IDs are exact, also in their case"
            )
        if not self._users_with_events:
            raise EvidenceError("nobody has an event, record or outcome in this period")

    def _events(self) -> Iterator[StoredRecord]:
        for partition, keys in self._keys.items():
            for logged in self._history.read(CHANGES, partition, until=self._scope.until):
                self._last_offsets[partition] = logged.offset
                event = mapping_event(logged)
                if event is not None and event.mapping is not None:
                    self._mapping(event.event, event.mapping.text)
                    if event.origin.topic == CONTROLS_TOPIC:
                        self._mapping_orders.add((event.origin.partition, event.origin.offset))
                    yield logged
                elif logged.key in keys:
                    self._users_with_events.add(logged.key)
                    raw = as_json(logged)
                    self._subjects.add(f"{raw.get('source')}/{raw.get('subject')}")
                    yield logged

    def _mapping(self, digest: str, text: str) -> None:
        try:
            compiled(digest, text)
        except MappingError:
            return  # the worker rejected it too
        self._texts.setdefault(digest, text)

    def _records(self) -> Iterator[StoredRecord]:
        for logged, last in self._of(OPERATIONS):
            seq = as_json(logged).get("seq")
            if not isinstance(seq, int) or seq <= last:
                yield logged

    def _outcomes(self) -> Iterator[StoredRecord]:
        for logged, last in self._of(OUTCOMES_TOPIC):
            raw = as_json(logged)
            seq, since, cause = raw.get("seq"), raw.get("since"), raw.get("cause")
            later = isinstance(seq, int) and seq > last and (not isinstance(since, int) or since >= last)
            if later:
                continue
            if isinstance(cause, dict) and cause.get("source") == OURS:
                self._orders.add(str(cause.get("event")))
            yield logged

    def _of(self, topic: str) -> Iterator[tuple[StoredRecord, int]]:
        """Records of the chosen users, each with the offset of the last event of its partition."""
        for partition, keys in self._keys.items():
            only = next(iter(keys)) if len(keys) == 1 else None
            for logged in self._history.read(topic, partition, key=only):
                if logged.key in keys and logged.key in self._users_with_events:
                    yield logged, self._last_offsets[partition]

    def _controls(self) -> Iterator[StoredRecord]:
        users = {key.decode(errors="replace") for key in self._users_with_events}
        for partition in range(self._history.partitions):
            for logged in self._history.read(CONTROLS_TOPIC, partition):
                raw = as_json(logged)
                about = raw.get("user") in users or raw.get("subject") in self._subjects
                about |= raw.get("action") in {"pause", "resume"}
                needed = raw.get("id") in self._orders or (partition, logged.offset) in self._mapping_orders
                if needed or (about and not self._scope.beyond(logged.timestamp)):
                    yield logged
