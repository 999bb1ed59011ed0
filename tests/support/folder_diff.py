"""Compares two folders byte by byte."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

AROUND = 60
"""Bytes that are shown on each side of the first difference."""
PRINTED = 3
"""Differences of each kind that are printed; all are counted."""


@dataclass(slots=True)
class Kind:
    """All files of one kind of artefact, which is a folder of the first level."""

    name: str
    files: int = 0
    bytes: int = 0
    digest: str = ""
    """SHA-256 of names and contents on the first side, by name."""
    differences: list[str] = field(default_factory=list)


def compare(before: Path, after: Path, expected: Iterable[str] = ()) -> list[Kind]:
    """Each kind of artefact that either folder has. `expected`: kinds that both have to have."""
    names = {path.name for folder in (before, after) for path in folder.iterdir() if path.is_dir()}
    return [_kind(name, before / name, after / name) for name in sorted(names | set(expected))]


def table(kinds: Iterable[Kind]) -> Iterator[str]:
    """For people: each kind with its size and verdict, then its first differences."""
    listed = list(kinds)
    yield f"{'kind':<16} {'files':>6} {'bytes':>10}  {'SHA-256 of the first':<64}  verdict"
    for kind in listed:
        verdict = f"{len(kind.differences)} DIFFER" if kind.differences else "identical"
        yield f"{kind.name:<16} {kind.files:>6} {kind.bytes:>10}  {kind.digest}  {verdict}"
    for kind in listed:
        yield from kind.differences[:PRINTED]
        if len(kind.differences) > PRINTED:
            yield f"{kind.name}: {len(kind.differences) - PRINTED} more"


def _kind(name: str, before: Path, after: Path) -> Kind:
    kind, digest = Kind(name), sha256()
    ours, theirs = _files(before), _files(after)
    for file in sorted(ours.keys() | theirs.keys()):
        one, other = (side[file].read_bytes() if file in side else None for side in (ours, theirs))
        if one is not None:
            kind.files += 1
            kind.bytes += len(one)
            digest.update(file.encode() + b"\0" + sha256(one).digest())
        if one != other:
            kind.differences.append(_difference(f"{name}/{file}", one, other))
    if not kind.files and not kind.differences:
        kind.differences.append(f"{name}: nothing was written on either side")
    kind.digest = digest.hexdigest()
    return kind


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def _difference(file: str, one: bytes | None, other: bytes | None) -> str:
    if one is None or other is None:
        return f"{file}: only {'after' if one is None else 'before'}"
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    line = one.count(b"\n", 0, at) + 1
    sizes = f"{len(one)} and {len(other)} bytes, SHA-256 {sha256(one).hexdigest()} and {sha256(other).hexdigest()}"
    return f"{file}: {sizes}; first at byte {at}, line {line}\n  before {_shown(one, at)}\n  after  {_shown(other, at)}"


def _shown(content: bytes, at: int) -> str:
    return repr(content[max(0, at - AROUND) : at + AROUND])[1:]
