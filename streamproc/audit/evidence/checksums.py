"""Are a bundle's files those that its manifest lists, and is it signed? The first net of `verify.py`."""

import hashlib
from collections import Counter
from types import NoneType
from typing import Any, Final, Literal, TypeAlias

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from streamproc.audit.evidence.finding import Findings, same
from streamproc.audit.evidence.format import (
    CHAIN,
    FORMAT,
    MANIFEST,
    PUBLIC_KEY,
    README,
    SIGNATURE,
    SUMS,
    TOPICS,
    UNLISTED,
    Contents,
    UnreadableError,
    read_small,
    sums,
)
from streamproc.audit.evidence.signature import fingerprint, public_key, public_pem, signed
from streamproc.core.errors import NoBundleError

Signature: TypeAlias = Literal[
    "none", "of a key that wasn't compared", "of the given key", "of another key", "left out", "bad"
]
"""`of another key`: good, but by another key than the given one. `left out`: it, or the key beside it, is missing."""


_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "streamproc": str,
    "redacted": (dict, NoneType),
    "signed_by": (str, NoneType),
    "files": dict,
}
"""What some fields of the manifest are, at least."""


def manifest_entry(contents: Contents, name: str) -> dict[str, Any]:
    """A file's SHA-256, length and number of lines, as the manifest has them. Raises UnreadableError."""
    digest, size, count = hashlib.sha256(), 0, 0
    for chunk in contents.chunks(name):
        digest.update(chunk)
        size += len(chunk)
        count += chunk.count(b"\n")
    return {"sha256": digest.hexdigest(), "bytes": size, "lines": count}


class Checksums:
    """Compares the files with their sums."""

    def __init__(self, contents: Contents, findings: Findings) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        """Name → the file's manifest entry, as computed."""
        self._contents = contents
        self._findings = findings

    def measure(self) -> None:
        """Compute every file's entry, and report files that can't be read."""
        for name, count in Counter(self._contents.names).items():
            if count > 1:
                self._findings.find("added", name, f"it is there {count} times")
            try:
                self.files[name] = manifest_entry(self._contents, name)
            except UnreadableError as error:
                self._findings.find("altered", name, f"can't be read: {error}")

    def manifest(self) -> dict[str, Any]:
        """The manifest; empty where it can't be read. Raises NoBundleError where it is of a later format."""
        try:
            manifest = orjson.loads(read_small(self._contents, MANIFEST))
        except (orjson.JSONDecodeError, UnreadableError):
            manifest = None
        if not isinstance(manifest, dict):
            self._findings.find("altered", MANIFEST, "not a JSON object: nothing that it says can be compared")
            return {}
        if isinstance(number := manifest.get("format"), int) and number > FORMAT:
            raise NoBundleError(f"a bundle of format {number}: it takes a newer streamproc, this one knows {FORMAT}")
        names = {"format", "streamproc", "chosen", "redacted", "signed_by", "counts", "ranges", "files"}
        for name in sorted(manifest.keys() ^ names):
            self._findings.find("added" if name in manifest else "left out", MANIFEST, f"{name}")
        for name, kinds in _KINDS.items():
            if not isinstance(manifest.get(name), kinds):
                self._findings.find("altered", MANIFEST, f"{name}: it says what no manifest says")
        if not same(manifest.get("format"), FORMAT):
            self._findings.find("altered", MANIFEST, f"format: {FORMAT} is the only one there is")
        if not isinstance(manifest.get("files"), dict):
            manifest["files"] = {}
        return manifest

    def compare(self, manifest: dict[str, Any]) -> None:
        """Compare the files with those that the manifest and `SHA256SUMS` list."""
        listed, there = manifest.get("files", {}), self.files
        reported: set[str] = set()
        for name in sorted(listed.keys() | set(self._contents.names) - UNLISTED):
            if name not in self._contents.names:
                self._findings.find("left out", name, "the manifest lists it")
            elif name not in listed:
                self._findings.find("added", name, "the manifest doesn't list it")
            elif name in there and not same(listed[name], there[name]):
                self._findings.find(
                    "altered", name, "it isn't the file that the manifest lists: its SHA-256 or length differs"
                )
            else:
                continue
            reported.add(name)
        for name in sorted({*TOPICS, CHAIN, README} - set(self._contents.names) - reported):
            self._findings.find("left out", name, "every bundle has it")
        self._compare_sums(reported)

    def _compare_sums(self, reported: set[str]) -> None:
        """Compare `SHA256SUMS`, which alone lists the manifest and what vouches for it."""
        if SUMS not in self._contents.names:
            self._findings.find("left out", SUMS, "every bundle has it")
            return
        try:
            content = read_small(self._contents, SUMS)
        except UnreadableError as error:
            self._findings.find("altered", SUMS, str(error))
            return
        there = [(name, entry["sha256"]) for name, entry in self.files.items() if name != SUMS]
        expected = sums(there)
        if content == expected:
            return
        rows = [text.partition("  ") for text in content.decode(errors="replace").splitlines()]
        listed = {name: digest for digest, _, name in rows}
        differing = {name for name, digest in there if listed.get(name) != digest} | (listed.keys() - self.files.keys())
        for name in sorted(differing - reported):
            if name in self._contents.names and name not in UNLISTED:
                self._findings.find("altered", SUMS, f"it doesn't have the SHA-256 of {name}, which the manifest has")
            elif name in self._contents.names:
                kind: Literal["altered", "added"] = "altered" if name in listed else "added"
                self._findings.find(kind, name, f"its SHA-256 isn't the one in {SUMS}, or {SUMS} was altered")
            else:
                self._findings.find("left out", name, f"{SUMS} lists it")
        if not differing:
            self._findings.find("altered", SUMS, "it isn't spelled as it was made")

    def signature(self, manifest: dict[str, Any], trusted: Ed25519PublicKey | None) -> tuple[Signature, str | None]:
        """What the signature is worth, and the fingerprint of the key that signed."""
        present = [name for name in (SIGNATURE, PUBLIC_KEY) if name in self._contents.names]
        named_signer = manifest.get("signed_by")
        if named_signer is None and not present:
            if trusted is not None:
                self._findings.find("left out", SIGNATURE, "it isn't signed, by the given key or any other")
            return "none", None
        before = self._findings.count
        for name in {SIGNATURE, PUBLIC_KEY} - set(present):
            self._findings.find("left out", name, "the bundle is signed, or was")
        if named_signer is None:
            self._findings.find("added", SIGNATURE, "the manifest says that it isn't signed")
        if len(present) < 2:
            return ("bad" if named_signer is None else "left out"), None
        try:
            pem, content = read_small(self._contents, PUBLIC_KEY), read_small(self._contents, MANIFEST)
            key = public_key(pem)
            good = signed(key, read_small(self._contents, SIGNATURE), content)
        except (ValueError, UnreadableError) as error:
            self._findings.find("altered", PUBLIC_KEY, str(error))
            return "bad", None
        signer = fingerprint(key)
        if pem != public_pem(key):
            self._findings.find("altered", PUBLIC_KEY, "it isn't spelled as it was made")
        if not good:
            self._findings.find("altered", SIGNATURE, f"not a signature of {MANIFEST} by the key in {PUBLIC_KEY}")
        if named_signer is not None and named_signer != signer:
            self._findings.find("altered", PUBLIC_KEY, "not the key by which the manifest says that it is signed")
        wrong = self._findings.count > before
        if trusted is not None and fingerprint(trusted) != signer:
            what = f"it is signed by {signer}, and the given key is {fingerprint(trusted)}"
            self._findings.find("another key", PUBLIC_KEY, what)
            return ("bad" if wrong else "of another key"), signer
        if wrong:
            return "bad", signer
        return "of a key that wasn't compared" if trusted is None else "of the given key", signer
