"""JSON values that nobody expects, and JSON in which one value is such a one."""

from random import Random
from typing import Any

JUNK: tuple[bytes, ...] = (
    b"", b"[]", b"{}", b"null", b"7", b"[" * 2000, b"[" * 900 + b"]" * 900, b"\xff\xfe", b'""', b'{"format":1}',
    b'{"user":1,"partition":"x"}', b'{"user":"U","partition":1}', b'{"kind":"mapping"}', b'{"user":"x","seq":1e99}',
    b'{"seq":' + b"9" * 5000 + b"}", b'{"user":"U-0-770","seq":3}', b'{"user":"U-0-770","seq":3,"hash":"zz"}',
    b'{"topic":"identity.changes"}', b'{"topic":"identity.changes","partition":[],"offset":{}}',
    b'{"code":"unreadable"}',
)  # fmt: skip
"""Values of records and lines of files."""


def nested(depth: int) -> Any:
    """A list in a list, so deep."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, -(2**63), 1.5, "", "x", "\x1b[2J\u202e\u200b", "x" * 5000, [], {}, [[]],
    {"a": {}}, nested(250), [None], {"": None},
)  # fmt: skip
"""What a field may be instead. The last but two is nested as deep as JSON is written here."""


def spoiled(rng: Random, raw: Any) -> tuple[Any, ...]:
    """Change one value within, in place, to another that it isn't. Returns the path to it."""
    path: list[Any] = []
    while True:
        keys = list(raw) if isinstance(raw, dict) else list(range(len(raw)))
        if not keys:
            return tuple(path)
        key = rng.choice(keys)
        path.append(key)
        if isinstance(raw[key], dict | list) and raw[key] and rng.random() < 0.6:
            raw = raw[key]
            continue
        raw[key] = rng.choice([value for value in VALUES if value != raw[key] or type(value) is not type(raw[key])])
        return tuple(path)
