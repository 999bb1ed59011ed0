"""Bundles as zip files: the same content gives the same bytes, and what is read may come from an attacker.

Nothing is ever unpacked to disk. A file with anything that no bundle has is refused: comments, extra fields, ZIP64,
encryption, links, names that lead elsewhere, two headers that disagree, bytes that belong to no file, also behind the
end of what is packed. Sizes are bounded before anything is read, and while it is.
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

from streamproc.audit.evidence.format import MANIFEST, PUBLIC_KEY, README, SIGNATURE, SMALL, SUMS, UnreadableError
from streamproc.core.errors import EvidenceError, NoBundleError

LARGEST: Final = 2**31 - 1
"""Largest size in bytes of a bundle, and of its files when unpacked. A larger zip file needs ZIP64."""
FILES: Final = 10_000
DIRECTORY: Final = 4 * 1024 * 1024
"""Largest size in bytes of the zip file's table of contents, which Python reads at once."""
TIGHTEST: Final = 200
"""How many bytes a byte of a bundle unpacks to at most, beyond the first `PIECE`: ours come to 5 to 40."""
PIECE: Final = 64 * 1024
MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a bundle: a zip file has to name one, and this is the first that it can name."""
END: Final = 22
"""Bytes of a zip file's end record, where it has no comment."""
HEAD: Final = 30
"""Bytes of a file's header before its name."""
ENTRY: Final = 46
"""Bytes of a file's entry in the table of contents before its name, where it has neither extra field nor comment."""
NAME: Final = re.compile(r"(?!(?i:mappings)$)[A-Za-z0-9][A-Za-z0-9_.]{0,63}|mappings/[0-9a-f]{16}\.toml")
DOS_FOLDER: Final = 0x10
READ_AT_ONCE: Final = frozenset({MANIFEST, SIGNATURE, PUBLIC_KEY, README, SUMS})
BROKEN: Final = "what is packed there is broken"


class Unpacked:
    """The `Contents` of a zip file. Raises NoBundleError where it isn't one that we could have made."""

    def __init__(self, file: Path) -> None:
        try:
            self._file = file.open("rb")
        except OSError as error:
            raise NoBundleError(f"it can't be read: {error.strerror}") from None
        try:
            size, directory, count = _check_end(self._file)
            self._parts = zipfile.ZipFile(self._file).infolist()
            _check_parts(self._parts, size, count)
            _check_places(self._file, self._parts, directory, size - END)
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
        inflating = None if part.compress_type == zipfile.ZIP_STORED else zlib.decompressobj(-zlib.MAX_WBITS)
        size = crc = 0
        try:
            for packed in self._packed(part):
                rest = packed
                while rest:
                    chunk = rest if inflating is None else inflating.decompress(rest, PIECE)
                    rest = b"" if inflating is None else inflating.unconsumed_tail
                    size, crc = size + len(chunk), zlib.crc32(chunk, crc)
                    if size > part.file_size or (inflating is not None and inflating.unused_data):
                        raise UnreadableError(BROKEN)
                    yield chunk
            rest = b"" if inflating is None else inflating.flush()
        except (zlib.error, OSError):
            raise UnreadableError(BROKEN) from None
        size, crc = size + len(rest), zlib.crc32(rest, crc)
        whole = inflating is None or inflating.eof
        if not whole or (size, crc) != (part.file_size, part.CRC):
            raise UnreadableError(BROKEN)
        yield rest

    def _packed(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        """What lies packed there, in pieces. Several may be read side by side."""
        at, end = (part.header_offset + HEAD + len(part.filename) + more for more in (0, part.compress_size))
        while at < end:
            self._file.seek(at)
            piece = self._file.read(min(PIECE, end - at))
            if not piece:
                raise UnreadableError(BROKEN)
            at += len(piece)
            yield piece

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


def _check_parts(parts: Sequence[zipfile.ZipInfo], size: int, count: int) -> None:
    """Look at names and sizes before anything is unpacked. Raises NoBundleError.

    `size`: of the zip file; `count`: of the files that it says it has.
    """
    if len(parts) != count:
        raise NoBundleError(f"it says that it has {count} files, and has {len(parts)}")
    if len(parts) > FILES:
        raise NoBundleError(f"{len(parts)} files; a bundle has at most {FILES}")
    total = sum(part.file_size for part in parts)
    if total > LARGEST:
        raise NoBundleError(f"unpacked it would have {total} bytes; a bundle has at most {LARGEST}")
    if total > PIECE + TIGHTEST * size:
        raise NoBundleError(f"its {size} bytes would unpack to {total}: no bundle is packed so tightly")
    for part in parts:
        name = part.filename
        if NAME.fullmatch(name) is None or part.orig_filename != name:
            raise NoBundleError(f"a file in it has a name that no bundle has: {name[:80]!r}")
        if (name in READ_AT_ONCE or "/" in name) and part.file_size > SMALL:
            raise NoBundleError(f"{name} would have {part.file_size} bytes; in a bundle it has at most {SMALL}")
        if part.flag_bits or part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise NoBundleError(f"{name} is encrypted, or packed in a way that no bundle is")
        if part.extra or part.comment:
            raise NoBundleError(f"{name} has a comment or an extra field in the zip file, which no sum covers")
        if stat.S_IFMT(part.external_attr >> 16) not in {0, stat.S_IFREG} or part.external_attr & DOS_FOLDER:
            raise NoBundleError(f"{name} is a link or a folder, not a file")


def _check_places(source: BinaryIO, parts: Sequence[zipfile.ZipInfo], directory: int, end: int) -> None:
    """Look whether the files lie one behind the other, up to the table of contents. Raises NoBundleError.

    No sum covers what would lie between them, and some programs would show it as a file. Nor does one cover their
    headers: each says the same as its entry in the table, and the table has nothing but these (`end`: where it ends).
    """
    source.seek(directory)
    table = source.read(end - directory)
    entries: dict[int, bytes] = {}
    at = 0
    for part in parts:
        entries[part.header_offset] = table[at + 6 : at + 32] + part.filename.encode()
        at += ENTRY + len(part.filename)
    if at != len(table):
        raise NoBundleError("its table of contents has more than its files")
    reached = 0
    for part in sorted(parts, key=lambda part: part.header_offset):
        source.seek(part.header_offset)
        head = source.read(HEAD + len(part.filename))
        if part.header_offset != reached or not head.startswith(b"PK\x03\x04"):
            raise NoBundleError(f"it has bytes that belong to no file, before {part.filename}")
        if head[4:] != entries[reached]:
            raise NoBundleError(f"the two headers of {part.filename} disagree, or have more than a bundle's")
        reached += len(head) + part.compress_size
    if reached != directory:
        raise NoBundleError("it has bytes that belong to no file, before its table of contents")


def _check_end(source: BinaryIO) -> tuple[int, int, int]:
    """Look how large the table of contents is, before Python reads it. Raises NoBundleError.

    Returns the zip file's size, where its table begins, and how many files that is said to have.
    """
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
    disks, here, count, directory, begins, _ = struct.unpack("<LHHLLH", end[4:])
    if directory > DIRECTORY:
        raise NoBundleError(f"its table of contents has {directory} bytes; a bundle's has at most {DIRECTORY}")
    if begins + directory + END != size:
        raise NoBundleError("it has bytes that belong to no file, before its first one or behind its table of contents")
    if disks or here != count:
        raise NoBundleError("a part of a zip file on several disks, which no bundle is")
    return size, begins, count
