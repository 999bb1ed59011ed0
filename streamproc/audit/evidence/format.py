"""The format of a bundle: what the log holds of some users, so that anybody who has it can recompute what follows.

The raw lines (events, records, outcomes, controls) are the log's own bytes, with topic partition, offset and timestamp.
`chain.jsonl` and the manifest follow from these alone, so that maker and verifier compute them by the same code
(`user_tallies.py`).
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
"""Files that the manifest doesn't list: itself, and files that only vouch for it."""

LONGEST: Final = 8 * 1024 * 1024
"""Largest line in bytes: more than any record of ours takes, however it is escaped."""
SMALL: Final = 16 * 1024 * 1024
"""Largest file in bytes that is read at once: manifest, sums, keys, a mapping."""


class UnreadableError(Exception):
    """A file of the bundle can't be read to its end; says why."""


class Contents(Protocol):
    """The files of a bundle."""

    @property
    def names(self) -> Sequence[str]:
        """In the bundle's order."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file's bytes, in pieces that fit into memory. Raises UnreadableError."""


def lines(contents: Contents, name: str) -> Iterator[bytes]:
    """A file's lines, without the newline. Raises UnreadableError."""
    begun = bytearray()
    for chunk in contents.chunks(name):
        first, *others = chunk.split(b"\n")
        begun += first
        if len(begun) > LONGEST:
            raise UnreadableError(f"a line is longer than {LONGEST} bytes")
        if others:
            yield bytes(begun)
            yield from others[:-1]
            begun = bytearray(others[-1])
    if begun:
        yield bytes(begun)


def read_small(contents: Contents, name: str) -> bytes:
    """All bytes of a small file. Raises UnreadableError, also where it isn't small."""
    content = bytearray()
    for chunk in contents.chunks(name):
        content += chunk
        if len(content) > SMALL:
            raise UnreadableError(f"it is longer than {SMALL} bytes")
    return bytes(content)


def mapping_file(digest: str) -> str:
    """The name of a mapping's file."""
    return f"mappings/{digest}.toml"


def sums(digests: Iterable[tuple[str, str]]) -> bytes:
    """The content of `SHA256SUMS`, by name and SHA-256 of each other file; `sha256sum -c` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests)).encode()
