"""Bundle: what the log holds of some users, from which whoever has it can recompute what came of it.

This page is the format: what each file is called, and what it takes to read one. The raw lines (events, records,
outcomes, controls) are the log's own bytes with the place at which they lay. `chain.jsonl` and the manifest follow from
these alone, so who made the bundle and who verifies it compute them in the same way (`accounts.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

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


class UnreadableError(Exception):
    """A file of the bundle can't be read to its end; says why."""


class Contents(Protocol):
    """The files of a bundle. `names` are in the bundle's order."""

    @property
    def names(self) -> Sequence[str]: ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file's bytes, in pieces that fit into memory. Raises UnreadableError."""


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


def mapping_file(digest: str) -> str:
    """Name of a mapping's file."""
    return f"mappings/{digest}.toml"


def sums(digests: Iterable[tuple[str, str]]) -> bytes:
    """`SHA256SUMS`, from name and SHA-256 of each other file; `sha256sum -c` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests)).encode()
