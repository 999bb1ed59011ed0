"""Bundles as zip files: the same content gives the same bytes, and what is read may come from an attacker.

Nothing is ever unpacked to disk. A file with anything that no bundle has is refused: a comment, ZIP64, encryption,
names that lead elsewhere, bytes that belong to no file. Sizes are bounded before anything is read, and while it is.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

from streamproc.audit.evidence.format import UnreadableError
from streamproc.core.errors import EvidenceError, NoBundleError

LARGEST: Final = 2**31 - 1
"""Largest size in bytes of a bundle, and of its files when unpacked. A larger zip file needs ZIP64."""
FILES: Final = 10_000
DIRECTORY: Final = 4 * 1024 * 1024
"""Largest size in bytes of the zip file's table of contents, which Python reads at once."""
PIECE: Final = 64 * 1024
MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a bundle: a zip file has to name one, and this is the first that it can name."""
END: Final = 22
"""Bytes of a zip file's end record, where it has no comment."""
HEAD: Final = 30
"""Bytes of a file's header before its name. The last four are the lengths of the name and of what follows it."""
NAME: Final = re.compile(r"[A-Za-z0-9_.]{1,64}|mappings/[0-9a-f]{16}\.toml")


class Unpacked:
    """The `Contents` of a zip file. Raises NoBundleError where it isn't one that we could have made."""

    def __init__(self, file: Path) -> None:
        try:
            self._file = file.open("rb")
        except OSError as error:
            raise NoBundleError(f"it can't be read: {error.strerror}") from None
        try:
            directory = _check_end(self._file)
            self._zip = zipfile.ZipFile(self._file)
            self._parts = self._zip.infolist()
            _check_parts(self._parts)
            _check_places(self._file, self._parts, directory)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, struct.error) as error:
            self._file.close()
            raise NoBundleError(f"not a zip file that can be read: {error}") from None
        except NoBundleError:
            self._file.close()
            raise

    @property
    def names(self) -> Sequence[str]:
        return [part.filename for part in self._parts]

    def chunks(self, name: str) -> Iterator[bytes]:
        part = next(part for part in self._parts if part.filename == name)
        try:
            with self._zip.open(part) as content:
                while chunk := content.read(PIECE):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OSError):
            raise UnreadableError("what is packed there is broken") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()  # closing the zip alone would wait for its last reader


class Packer:
    """Writes a bundle. Its `Contents` are what was written so far."""

    def __init__(self, target: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(target, "w")
        self._total = 0

    @property
    def names(self) -> Sequence[str]:
        return self._zip.namelist()

    def chunks(self, name: str) -> Iterator[bytes]:
        with self._zip.open(name) as content:
            while chunk := content.read(PIECE):
                yield chunk

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a file. Raises EvidenceError where the bundle gets too large."""
        part = zipfile.ZipInfo(name, MOMENT)
        part.compress_type = zipfile.ZIP_DEFLATED
        part.create_system = 3  # otherwise it would name the system on which it was made
        part.external_attr = (stat.S_IFREG | 0o600) << 16
        with self._zip.open(part, "w") as content:
            for piece in pieces:
                self._total += len(piece)
                if self._total > LARGEST:
                    raise EvidenceError(
                        f"it would have more than {LARGEST} bytes; choose fewer users or a shorter period"
                    )
                content.write(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def _check_parts(parts: Sequence[zipfile.ZipInfo]) -> None:
    """Look at names and sizes before anything is unpacked. Raises NoBundleError."""
    if len(parts) > FILES:
        raise NoBundleError(f"{len(parts)} files; a bundle has at most {FILES}")
    total = sum(part.file_size for part in parts)
    if total > LARGEST:
        raise NoBundleError(f"unpacked it would have {total} bytes; a bundle has at most {LARGEST}")
    for part in parts:
        if NAME.fullmatch(part.filename) is None or part.orig_filename != part.filename:
            raise NoBundleError(f"a file in it has a name that no bundle has: {part.filename[:80]!r}")
        if part.flag_bits & 0x1 or part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise NoBundleError(f"{part.filename} is encrypted, or packed in a way that no bundle is")


def _check_places(source: BinaryIO, parts: Sequence[zipfile.ZipInfo], directory: int) -> None:
    """Look whether the files lie one behind the other, up to the table of contents. Raises NoBundleError.

    No sum covers what would lie between them, and some programs would show it as a file.
    """
    reached = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        source.seek(part.header_offset)
        head = source.read(HEAD)
        if part.header_offset != reached or len(head) < HEAD or not head.startswith(b"PK\x03\x04"):
            raise NoBundleError(f"it has bytes that belong to no file, before {part.filename}")
        reached += HEAD + sum(struct.unpack("<HH", head[-4:])) + part.compress_size
    if reached != directory:
        raise NoBundleError("it has bytes that belong to no file, before its table of contents")


def _check_end(source: BinaryIO) -> int:
    """Look how large the table of contents is, before Python reads it. Returns its offset. Raises NoBundleError."""
    size = source.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise NoBundleError(f"{size} bytes; a bundle has at most {LARGEST}")
    source.seek(max(0, size - END - 20))
    last = source.read()
    end, before = last[-END:], last[:-END]
    if len(end) < END or not end.startswith(b"PK\x05\x06"):
        raise NoBundleError("not a zip file, or cut short, or with something behind it")
    if before.startswith(b"PK\x06\x07"):
        raise NoBundleError("a zip file in the ZIP64 format, which no bundle is")
    directory, begins = struct.unpack("<LL", end[12:20])
    if directory > DIRECTORY:
        raise NoBundleError(f"its table of contents has {directory} bytes; a bundle's has at most {DIRECTORY}")
    if begins + directory + END != size:
        raise NoBundleError("it has bytes that belong to no file, before its first one or behind its table of contents")
    return int(begins)
