"""Bundles of evidence in memory, to be altered: what could be done to one, and its sums made anew or not."""

import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import MANIFEST, PUBLIC_KEY, SIGNATURE, SUMS, UNLISTED, sums
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.signature import public_pem
from streamproc.audit.evidence.verify import Verified, check
from tests.support.logs import Log
from tests.support.stories import MAPPING, told

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
EVERYBODY = Scope((), 0, 10**13)


class Files:
    """Name and content of each; see `Contents`. A name may be there twice."""

    def __init__(self, files: Sequence[tuple[str, bytes]]) -> None:
        self.files = list(files)

    @property
    def names(self) -> Sequence[str]:
        return [name for name, _ in self.files]

    def chunks(self, name: str) -> Iterator[bytes]:
        content = self[name]
        yield from (content[at : at + 5000] for at in range(0, len(content), 5000))

    def __getitem__(self, name: str) -> bytes:
        return next(content for each, content in self.files if each == name)

    def but(self, name: str, content: bytes | None) -> "Files":
        """With another content of a file; None: without it."""
        if content is None:
            return Files([each for each in self.files if each[0] != name])
        if name not in self.names:
            return Files([*self.files, (name, content)])
        return Files([(each, content if each == name else held) for each, held in self.files])

    def summed(self, key: Ed25519PrivateKey | None = None) -> "Files":
        """With the sums in the manifest and beside it as they now have to be; `key`: signed anew."""
        manifest = orjson.loads(self[MANIFEST])
        manifest["files"] = {
            name: {"sha256": sha256(held).hexdigest(), "bytes": len(held), "lines": held.count(b"\n")}
            for name, held in self.files
            if name not in UNLISTED
        }
        return self.resealed(manifest, key)

    def resealed(self, manifest: dict[str, Any], key: Ed25519PrivateKey | None = None) -> "Files":
        """With another manifest, and `SHA256SUMS` to it."""
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
        found = self.but(MANIFEST, content)
        if key is not None:
            found = found.but(SIGNATURE, key.sign(content)).but(PUBLIC_KEY, public_pem(key.public_key()))
        return found.but(SUMS, sums((name, sha256(held).hexdigest()) for name, held in found.files if name != SUMS))

    def zipped(self) -> bytes:
        """As a zip file."""
        target = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            warnings.simplefilter("ignore")  # a name may be there twice
            for name, content in self.files:
                packed.writestr(name, content)
        return target.getvalue()


@cache
def log() -> Log:
    """All stories."""
    return told(Log(MAPPING))


def made(
    of: Log, chosen: Scope = EVERYBODY, *, signer: Ed25519PrivateKey | None = None, redact: bytes | None = None
) -> Files:
    """A bundle of the log; whatever is wrong with it is told by `check`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bundle.zip"
        make(of.history(), chosen, target, signer=signer, redact=redact)
        with zipfile.ZipFile(target) as packed:
            return Files([(name, packed.read(name)) for name in packed.namelist()])


@cache
def bundle(kind: str) -> Files:
    """Of all stories: `plain`, `signed` or `redacted`."""
    return made(log(), signer=KEY if kind == "signed" else None, redact=b"r" * 32 if kind == "redacted" else None)


def found(files: Files, trusted: bytes | None = None) -> tuple[Finding, ...]:
    """What a check finds."""
    return verified(files, trusted).findings


def verified(files: Files, trusted: bytes | None = None) -> Verified:
    """What a check comes to."""
    steps = check(files, trusted)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: Verified = ended.value
            return result
