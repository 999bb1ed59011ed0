"""Redacted bundles, tried out with a list of everybody and all that is known of them: nobody is named.

Two companies in which the same happens to other people give the same bundle, but for the hashes. So nothing that stays
depends on who they are: no length, order, number, partition, offset, blank, and nothing that two people share.
"""

import re
from random import Random
from typing import Any, Final

import orjson

from streamproc.audit.evidence.format import CHAIN, CONTROLS, EVENTS, MANIFEST, OUTCOMES, RECORDS, SUMS
from streamproc.audit.evidence.pseudonyms import LENGTH, MARK
from tests.attack.part import Found, Part
from tests.support.bundles import Files, made, verified
from tests.support.staff import Staff, hashed, spelled

HASH: Final = re.compile(rb"redacted-[0-9a-z]*|[0-9a-f]{64}")
LIKE_A_HASH: Final = re.compile(rb"[0-9a-f]{8,}")
NUMBERS: Final = re.compile(rb"\d{9,19}")


def attack(rng: Random, count: int) -> Found:
    """Try to find so many people."""
    found = Found()
    before: list[bytes] | None = None
    while found.tried < count:
        staff = Staff(rng)
        log = staff.told()
        plain, redacted = made(log), made(log, redact=rng.randbytes(32))
        found.tried += len(staff.users)
        if not verified(redacted).equal:
            found.harmed("without_fate", "a redacted bundle isn't equal")
        _looked_up(found, staff, redacted)
        _tried_out(found, staff, plain, redacted)
        _laid_over(found, redacted)
        shape = _shape(redacted)
        for was, now in zip(before or shape, shape, strict=True):
            if was != now:
                at = next((n for n, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), 60)
                sides = [side[max(0, at - 60) : at + 40] for side in (was, now)]
                found.harmed("let_in", f"it depends on who they are: {sides[0]!r}, {sides[1]!r}")
        before = shape
    return found


def _looked_up(found: Found, staff: Staff, redacted: Files) -> None:
    """Words of the list, in all spellings, and days on which people were hired."""
    whole = b"\n".join(content for name, content in redacted.files if not name.startswith("mappings/"))
    for word in staff.words():
        if any(spelling in whole for spelling in spelled(word)):
            found.harmed("let_in", f"{word!a} stands there")
    for number in set(NUMBERS.findall(whole)):
        for unit in (1, 1000, 1_000_000):
            if int(number) // unit // 86_400 in staff.days():
                found.harmed("let_in", f"{number.decode()} is a day on which somebody was hired")


def _tried_out(found: Found, staff: Staff, plain: Files, redacted: Files) -> None:
    """Hashes of all words, and of all records, as whoever knows every one of them to the letter can compute them."""
    words = {word.encode() for word in staff.words()}
    for name in (EVENTS, RECORDS, OUTCOMES, CONTROLS):
        for line in plain[name].splitlines():
            raw = orjson.loads(line)
            words |= {line, (raw["value"] or "").encode(), (raw["key"] or "").encode()}
    prefixes = {prefix for word in words for prefix in hashed(word)}
    prefixes |= {hit.decode()[:16] for name in (RECORDS, CHAIN) for hit in re.findall(rb"[0-9a-f]{64}", plain[name])}
    for name, content in redacted.files:
        for token in set(LIKE_A_HASH.findall(content)) if not name.startswith("mappings/") else ():
            if token.decode()[:16] in prefixes or token.decode() in prefixes:
                found.harmed("let_in", f"{token.decode()} in {name} can be tried out")


def _laid_over(found: Found, redacted: Files) -> None:
    """What two people share, and where their keys lie."""
    holders: dict[bytes, set[str]] = {}
    users = {orjson.loads(line)["user"] for line in redacted[CHAIN].splitlines()}
    for name in (EVENTS, RECORDS, OUTCOMES):
        for line in redacted[name].splitlines():
            raw = orjson.loads(line)
            if raw["partition"] or (not str(raw["key"]).startswith(MARK) and raw["key"] is not None and name != EVENTS):
                found.harmed("let_in", f"{name}: a place or a key of the log")
            for token in HASH.findall((raw["value"] or "").encode()) if str(raw["key"]).startswith(MARK) else ():
                holders.setdefault(token, set()).add(raw["key"])
                if token.startswith(MARK.encode()) and len(token) != len(MARK) + LENGTH:
                    found.harmed("let_in", f"{token.decode()} has a length of its own")
    events = [orjson.loads(orjson.loads(line)["value"] or "{}") for line in redacted[EVENTS].splitlines()]
    orders = [orjson.loads(orjson.loads(line)["value"]) for line in redacted[CONTROLS].splitlines()]
    allowed = users | {event.get("subject") for event in events} | set().union(*map(_strings, orders))
    for token, keys in holders.items():
        if len(keys) > 1 and token.decode() not in allowed:
            found.harmed("let_in", f"{token.decode()} is shared by {len(keys)}")


def _strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {each for one in value.values() for each in _strings(one)}
    return {value} if isinstance(value, str) else set()


def _shape(redacted: Files) -> list[bytes]:
    """A bundle in which hashes are numbers, by where they first stand. Lists by hash are in the order of these."""
    numbers: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return numbers.setdefault(match[0], b"#%d" % len(numbers))

    found: list[bytes] = []
    for name in (EVENTS, CONTROLS, RECORDS, OUTCOMES, CHAIN, MANIFEST):
        rows = redacted[name].splitlines()
        if name == CHAIN:
            rows.sort(key=lambda row: int(HASH.sub(number, orjson.loads(row)["user"].encode())[1:]))
        if name == RECORDS:  # those of one event are sorted by hash
            rows = [re.sub(rb'"offset":\d+', b'"offset":0', row) for row in rows]
            rows.sort(key=lambda row: (_seq(row), int(HASH.sub(number, orjson.loads(row)["key"].encode())[1:])))
        found += [_sorted(HASH.sub(number, row)) for row in rows]
    assert SUMS in redacted.names
    return found


def _seq(row: bytes) -> int:
    return int(orjson.loads(orjson.loads(row)["value"])["seq"])


def _sorted(row: bytes) -> bytes:
    """With the keys of its value in order: those of a dict by hash are in another one with each key."""
    try:
        raw = orjson.loads(row)
    except orjson.JSONDecodeError:
        return row
    if isinstance(raw, dict) and isinstance(raw.get("value"), str):
        raw["value"] = orjson.loads(raw["value"])
    return orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)


PARTS: Final = [Part("redaction", 300, 12, attack)]
