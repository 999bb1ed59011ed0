"""Bundles that somebody has altered who knows the format well: in what the zip file says besides, in its sums, in any
field of it. Each is a zip file, and whether it has to be found out.
"""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streamproc.audit.evidence.format import (
    CHAIN,
    CONTROLS,
    EVENTS,
    MANIFEST,
    OUTCOMES,
    RECORDS,
    SIGNATURE,
    SUMS,
    TOPICS,
)
from streamproc.audit.evidence.raw_line import Line, line_of
from tests.support.altered_bundles import OURS
from tests.support.bundles import Files, bundle
from tests.support.hostile_values import JUNK, spoiled

THEIRS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file. `found`: it isn't as it was made, and whoever verifies it has to be told."""

    name: str
    content: bytes
    found: bool = True
    trusted: bytes | None = None


def entries(rng: Random) -> Hostile:
    """More in the zip file than its files, or other than they are."""
    files = bundle("plain")
    changes: dict[str, Callable[[zipfile.ZipInfo], None]] = {
        "extra": lambda one: setattr(one, "extra", b"\xfe\xca\x04\0hide"),
        "comment": lambda one: setattr(one, "comment", b"not equal"),
        "link": lambda one: setattr(one, "external_attr", (stat.S_IFLNK | 0o777) << 16),
        "folder": lambda one: setattr(one, "external_attr", 0x10),
        "device": lambda one: setattr(one, "external_attr", (stat.S_IFCHR | 0o666) << 16),
    }
    name = rng.choice(sorted(changes))
    chosen = rng.choice(files.names)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for each, content in files.files:
            part = zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0))
            part.compress_type = zipfile.ZIP_DEFLATED
            if each == chosen:
                changes[name](part)
            packed.writestr(part, content)
    return Hostile(f"{name} of {chosen}", target.getvalue())


def bytes_between(rng: Random) -> Hostile:
    """Bytes before, behind or between the files, or behind the end of what is packed, with a table that fits."""
    content, more = bytearray(bundle("plain").zipped()), rng.randbytes(rng.randint(1, 40))
    table, end = content.index(ENTRY), content.rindex(END)
    places = [at for at in range(table, end) if content[at : at + 4] == ENTRY]
    kind = rng.choice(["before", "table", "packed", "behind", "zip comment"])
    if kind == "behind":
        return Hostile(kind, bytes(content) + more)
    if kind == "zip comment":
        content[end + 20 : end + 22] = struct.pack("<H", len(more))
        return Hostile(kind, bytes(content) + more)
    at = {"before": 0, "table": table, "packed": table}[kind]
    for place in places if kind == "before" else ():
        (offset,) = struct.unpack_from("<L", content, place + 42)
        struct.pack_into("<L", content, place + 42, offset + len(more))
    if kind == "packed":  # the last file's packed bytes go on, and both headers say so
        (offset,) = struct.unpack_from("<L", content, places[-1] + 42)
        for place in (offset + 18, places[-1] + 20):
            (size,) = struct.unpack_from("<L", content, place)
            struct.pack_into("<L", content, place, size + len(more))
    struct.pack_into("<L", content, end + 16, table + len(more))
    content[at:at] = more
    return Hostile(f"{kind} {len(more)} bytes", bytes(content))


def headers(rng: Random) -> Hostile:
    """A field of a header, or of the table or its end, that the other one contradicts."""
    content = bytearray(bundle("plain").zipped())
    table, end = content.index(ENTRY), content.rindex(END)
    offset = rng.choice([at for at in range(table) if content[at : at + 4] == LOCAL])
    kind, place, size = rng.choice(
        [("flags", offset + 6, 2), ("method", offset + 8, 2), ("crc", offset + 14, 4), ("size", offset + 22, 4),
         ("name", offset + 30, 1), ("disk", end + 4, 2), ("files", end + 8, 2), ("files", end + 10, 2),
         ("table", end + 12, 4), ("its flags", table + 8, 2), ("its size", table + 24, 4)]
    )  # fmt: skip
    content[place + rng.randrange(size)] ^= rng.randint(1, 255)
    return Hostile(f"{kind} at {place}", bytes(content))


def names(rng: Random) -> Hostile:
    """One more file, whose name leads elsewhere or looks like another's; or a second one of a name."""
    strange = ["..", ".", "../x", "/etc/passwd", "mappings", "mappings/../x", "README.md\0.txt", "C:x", "a\\b",
               "\u202emd", "mappings/ABCDEF0123456789.toml", "events.jsonl ", "Manifest.json", "x" * 300]  # fmt: skip
    name = rng.choice([*strange, *bundle("plain").names])
    return Hostile(f"a file {name[:30]!a}", Files([*bundle("plain").files, (name, rng.randbytes(9))]).zipped())


def sizes(rng: Random) -> Hostile:
    """What unpacks to far more than it is, or says so; a file that is read at once, and is too long for it."""
    files = bundle("plain")
    name = rng.choice([SUMS, MANIFEST, SIGNATURE, "README.md", RECORDS, EVENTS, *_mappings(files)])
    kind = rng.choice(["zeros", "blanks", "rows", "says"])
    if kind == "says":
        content = bytearray(files.zipped())
        struct.pack_into("<L", content, content.index(ENTRY) + 24, rng.choice([2**32 - 1, 2**31, 2**30]))
        return Hostile("says that it is large", bytes(content))
    more = {"zeros": b"\0" * 40_000_000, "blanks": b"\n" * 20_000_000, "rows": b"0 x\n" * 5_000_000}[kind]
    held = files[name] if name in files.names else b""
    return Hostile(f"{kind} in {name}", files.but(name, held + more).zipped())


def sums(rng: Random) -> Hostile:
    """Sums that aren't those of the files."""
    files = bundle(rng.choice(["plain", "signed", "redacted"]))
    held = files[SUMS]
    rows = held.splitlines(keepends=True)
    rng.shuffle(rows)
    other = rng.choice(
        [b"", held + held, held[:-1], held.replace(b"\n", b"\r\n"), held.upper(), b"".join(rows) + b"\n",
         rng.randbytes(99), held + b"0" * 64 + b"  more.jsonl\n", held + rng.randbytes(17 * 1024 * 1024)]
    )  # fmt: skip
    return Hostile("other sums", files.but(SUMS, other).zipped())


def a_byte(rng: Random) -> Hostile:
    """Any byte of any file, with the sums as they were."""
    files = bundle(rng.choice(["plain", "signed", "redacted"]))
    name = rng.choice(files.names)
    content = bytearray(files[name])
    content[rng.randrange(len(content))] ^= rng.randint(1, 255)
    return Hostile(f"a byte of {name}", files.but(name, bytes(content)).zipped())


def manifests(rng: Random) -> Hostile:
    """Any field of the manifest is anything else, and it is sealed again, or signed by somebody else."""
    files = bundle(rng.choice(["plain", "signed", "redacted"]))
    manifest = orjson.loads(files[MANIFEST])
    path = spoiled(rng, manifest)
    theirs = rng.choice([None, THEIRS])
    named = isinstance(manifest.get("streamproc"), str) and path == ("streamproc",)
    words = path[:2] in {("redacted", "kept"), ("redacted", "hidden"), ("redacted", "whole"), ("redacted", "prefix")}
    return Hostile(
        f"manifest {path}",
        files.resealed(manifest, theirs).zipped(),
        found=not (named or words),
        trusted=OURS if theirs else None,
    )


def chains(rng: Random) -> Hostile:
    """Any field of a user's chain is anything else, with sums that fit."""
    files = bundle(rng.choice(["plain", "redacted"]))
    rows = [orjson.loads(each) for each in files[CHAIN].splitlines()]
    at = rng.randrange(len(rows))
    path = spoiled(rng, rows[at])
    found = path[-1:] != ("original",) or not isinstance(_at(rows[at], path), str)
    content = b"".join(orjson.dumps(each) + b"\n" for each in rows)
    return Hostile(f"chain {path}", files.but(CHAIN, content).summed().zipped(), found=found)


def lines(rng: Random) -> Hostile:
    """Any field of a line, or of what it holds, is anything else; or a line of anything, with sums that fit."""
    files, name = bundle(rng.choice(["plain", "redacted"])), rng.choice([*TOPICS])
    rows = files[name].splitlines()
    at = rng.randrange(len(rows))
    if rng.random() < 0.3:
        rows.insert(at, rng.choice([*JUNK, *(_junk_line(rng, each) for each in JUNK)]).replace(b"\n", b" "))
        return Hostile(f"junk in {name}", files.but(name, b"\n".join(rows) + b"\n").summed().zipped())
    line = line_of(rows[at])
    raw = orjson.loads(line.value or b"{}")
    path = spoiled(rng, raw)
    rows[at] = Line(line.partition, line.offset, line.timestamp, line.key, orjson.dumps(raw)).encoded()[:-1]
    # Of events and outcomes, what the fold doesn't need can be altered by whoever makes the sums again.
    return Hostile(f"{name} {path}", files.but(name, b"\n".join(rows) + b"\n").summed().zipped(), found=name == RECORDS)


def orders(rng: Random) -> Hostile:
    """Any word of an order of which something came, with sums that fit."""
    files = bundle(rng.choice(["plain", "redacted"]))
    rows = files[CONTROLS].splitlines()
    at = rng.randrange(len(rows))
    line = line_of(rows[at])
    raw = orjson.loads(line.value or b"")
    told = [name for name in raw if raw[name] is not None and (name != "at" or raw["action"] == "mapping")]
    name = rng.choice(told + ["input", "more"] + (["since"] if raw["action"] != "release" else []))
    value = raw.get(name)
    others: dict[str, Any] = {"action": "split" if value == "link" else "reject", "since": 10**6, "at": 1}
    raw[name] = others.get(name, f"{value or ''}x" if not isinstance(value, int) else value + 1)
    key, timestamp = line.key, line.timestamp
    if rng.random() < 0.5 and name == "user" and raw["subject"] is None:
        key = str(raw["user"]).encode()
    changed = Line(line.partition, line.offset, timestamp, key, orjson.dumps(raw)).encoded()[:-1]
    rows[at] = changed
    return Hostile(f"order {raw['action']} {name}", files.but(CONTROLS, b"\n".join(rows) + b"\n").summed().zipped(),
                   found=not (raw["action"] == "link" and name == "id"))  # fmt: skip


def signatures(rng: Random) -> Hostile:
    """Signed by somebody else, by nobody, or what was signed is another's."""
    signed, plain = bundle("signed"), bundle("plain")
    chosen = rng.choice(
        [plain, plain.summed(THEIRS), signed.but(SIGNATURE, None), signed.but(SIGNATURE, rng.randbytes(64)),
         signed.but(SIGNATURE, THEIRS.sign(signed[MANIFEST])), signed.but("public.pem", b""), signed.summed(THEIRS),
         signed.but("public.pem", b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 10_000)]
    )  # fmt: skip
    return Hostile("signature", chosen.zipped(), trusted=OURS)


def floods(rng: Random) -> Hostile:
    """Few bytes that would take a long time: many fates of the same events, mappings in turn, lines of nothing."""
    files = bundle("plain")
    first = line_of(files[EVENTS].splitlines()[-1])
    kind = rng.choice(["fates", "mappings", "nobody", "nothing"])
    name, rows = EVENTS, list[bytes]()
    if kind == "fates":
        name = OUTCOMES
        told = line_of(next(row for row in files[OUTCOMES].splitlines() if b"superseded" in row))
        outcome = orjson.loads(told.value or b"") | {"since": -1}
        value = orjson.dumps(outcome)
        rows = [Line(told.partition, 10**6 + n, told.timestamp, told.key, value).encoded() for n in range(3000)]
    elif kind == "mappings":
        brought = [line_of(row) for row in files[EVENTS].splitlines() if b'\\"kind\\":\\"mapping\\"' in row]
        last = [each for each in brought if each.partition == first.partition]
        for n in range(1500):
            event = orjson.loads(last[n % len(last)].value or b"")
            event["origin"]["offset"], event["mapping"]["first"] = 1000 + n, False
            rows.append(Line(first.partition, 10**6 + n, first.timestamp, b"x", orjson.dumps(event)).encoded())
    elif kind == "nobody":
        rows = [Line(first.partition, 10**6 + n, first.timestamp, b"u%d" % n, None).encoded() for n in range(30_000)]
    else:
        rows = [b"%d\n" % n for n in range(200_000)]
    content = files[name] + b"".join(rows)
    return Hostile(f"flood of {kind}", files.but(name, content).summed().zipped())


KINDS: tuple[Callable[[Random], Hostile], ...] = (
    entries, bytes_between, headers, names, sums, a_byte, manifests, chains, lines, orders, signatures, manifests,
    orders, lines, chains, entries, bytes_between, a_byte, sizes, floods,
)  # fmt: skip
"""Those that take long come last."""


def _mappings(files: Files) -> list[str]:
    return [name for name in files.names if name.startswith("mappings/")]


def _junk_line(rng: Random, value: bytes) -> bytes:
    place = {"partition": rng.choice([0, 1, 7]), "offset": 10**9, "timestamp": 1, "key": "U-0-770"}
    return orjson.dumps(place | {"value": value.decode(errors="replace")})


def _at(raw: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        raw = raw[step]
    return raw
