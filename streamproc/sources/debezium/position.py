"""Where a database's log has a change, as text that sorts as the log does: each connector's kind of position.

Positions of one log follow the order of its commits, at least for changes of one row, since the database locks it.
debezium.io: "Change event values" of each connector; github.com/debezium/debezium: `SourceInfo` and
`TxLogPosition` (SQL Server: the commit's LSN first, then the change's).
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

from streamproc.core.parsed_payload import Place
from streamproc.sources.lenient_json import items, json_text, record, text

HIGHEST: Final = 2**63 - 1
"""What an order's sequence can hold; anything higher counts as this."""
POSITION: Final = (
    "gtid",
    "vgtid",
    "file",
    "pos",
    "row",
    "lsn",
    "changelsn",
    "commitlsn",
    "eventserialno",
    "scn",
    "ord",
)
"""Connectors' names for parts of a position, in the spelling of `source`; those that an event's id is made of."""
STREAMED: Final = frozenset({"false", "", "none", "null", "no", "0"})
"""What `snapshot` says of a change that was read from the log."""

LONGEST_FILE: Final = 255
"""Characters of the name of a log's file; its digits are a number."""
_DIGITS: Final = 26
"""Hexadecimal digits of a number at most."""
_LSNS: Final = 5
"""Numbers that make SQL Server's position, none of which orders changes by itself."""
_OF_ALL_DATABASES: Final = ("mysql", "mariadb")
"""Connectors whose positions are the server's, whatever the database."""


def place(operation: str, source: Mapping[str, Any]) -> Place:
    """Where the log has an event. `source`: its fields in one spelling (`ts_ms` is `tsms`)."""
    connector = (text(source.get("connector")) or "").casefold()
    file = _file(source)
    log, numbers = _numbers(connector, source, file)
    server = [connector, *(text(source.get(name)) or "" for name in ("name", "rs"))]
    if connector not in _OF_ALL_DATABASES and not file:
        server.append(text(source.get("db")) or "")
    snapshot = (
        operation == "r" or (text(source.get("snapshot")) or str(source.get("snapshot"))).casefold() not in STREAMED
    )
    return Place("/".join([*server, log]), "".join(map(_sortable, numbers)), snapshot)


def sequence(source: Mapping[str, Any]) -> int:
    """The position as a number, as far as it is one; else 0. It never contradicts the place."""
    file = _file(source)
    _, numbers = _numbers((text(source.get("connector")) or "").casefold(), source, file)
    if len(numbers) in {0, _LSNS}:
        return 0
    number = (numbers[0] << 40) + min(numbers[1], 2**40 - 1) if file and len(numbers) > 1 else numbers[0]
    return min(number, HIGHEST)


def _file(source: Mapping[str, Any]) -> str:
    file = text(source.get("file")) or ""
    return file if len(file) <= LONGEST_FILE else ""


def _numbers(connector: str, source: Mapping[str, Any], file: str) -> tuple[str, tuple[int, ...]]:
    """Which of a server's logs it is, and the position in it, most significant first; nothing where there is none."""
    pos, lsn, scn = (natural(source.get(name)) for name in ("pos", "lsn", "scn"))
    commit, change = _lsn(source.get("commitlsn")), _lsn(source.get("changelsn"))
    if file and pos is not None:
        number = next(iter(re.findall(r"\d+", file)[-1:]), "0")
        base = file.removesuffix(number) if file.endswith(number) else re.sub(r"\d+", "0", file)
        return base, (int(number), pos, natural(source.get("row")) or 0)
    if commit is not None:  # of a snapshot's rows nothing else is told
        return "", (*commit, *(change or (0, 0)), natural(source.get("eventserialno")) or 0)
    if scn is not None or natural(source.get("commitscn")) is not None:
        committed = natural(source.get("commitscn")) or scn or 0  # a change counts from its commit on
        rs_id = re.fullmatch(r"0x([0-9a-fA-F]{6})\.([0-9a-fA-F]{8})\.([0-9a-fA-F]{4})", text(source.get("rsid")) or "")
        record_set = 0 if rs_id is None else int("".join(rs_id.groups()), 16)  # of one SCN there may be several
        return "", (committed, scn or 0, record_set, natural(source.get("ssn")) or 0)
    if lsn is None:
        lsn = _postgres_lsn(source.get("lsn"))
    if lsn:
        before = items(json_text(source.get("sequence")))[:1]
        return "", (max(lsn, *(natural(each) or 0 for each in before), 0), lsn)  # a commit before it lies before it
    if source.get("ord") is not None or connector == "mongodb":
        seconds = natural(source.get("tsms"))
        return ("", ()) if seconds is None else ("", (seconds, natural(source.get("ord")) or 0))
    return _by_transactions(source)


def _by_transactions(source: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Vitess's vector of its shards' GTID sets, and GTIDs without file and position."""
    vector = items(json_text(source.get("vgtid")))
    if vector:
        return "", (sum(_transactions(text(record(shard).get("gtid")) or "") for shard in vector),)
    gtid = text(source.get("gtid")) or ""
    if match := re.fullmatch(r"(\d{1,20})-\d{1,20}-(\d{1,20})", gtid):  # MariaDB: domain, server, number
        return match[1], (int(match[2]),)
    if match := re.fullmatch(r"([0-9a-fA-F-]{36}(?::[a-z_]\w{0,31})?):(\d{1,20})", gtid):
        return match[1].casefold(), (int(match[2]),)
    count = _transactions(gtid)
    return "", ((count,) if count else ())


def _transactions(gtids: str) -> int:
    """How many there are in a GTID set, `uuid:1-5:7,uuid:1-3`: it only grows along a log."""
    ranges = chain.from_iterable(part.split(":")[1:] for part in gtids.split(","))
    return sum(_length(each) for each in ranges)


def _length(interval: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,20})(?:-(\d{1,20}))?\s*", interval)
    return 0 if match is None else max(0, int(match[2] or match[1]) - int(match[1]) + 1)


def _lsn(value: Any) -> tuple[int, int] | None:
    """In two halves. SQL Server has groups of hexadecimal digits, `0000002a:00000d58:0003`, Informix numbers."""
    written = text(value) or ""
    groups = written.split(":")
    if len(groups) == 1:
        number = natural(value)
        return None if number is None else divmod(number, 1 << 80)
    if not all(re.fullmatch(r"[0-9a-fA-F]{1,16}", group) for group in groups) or len(groups) > 4:
        return None
    widths: Iterable[int] = (8, 8, 4) if len(groups) == 3 else (max(map(len, groups)),) * len(groups)
    digits = "".join(group.rjust(width, "0") for group, width in zip(groups, widths, strict=True))
    return divmod(int(digits, 16), 1 << 80)


def _postgres_lsn(value: Any) -> int | None:
    match = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", text(value) or "")
    return None if match is None else (int(match[1], 16) << 32) + int(match[2], 16)


def _sortable(number: int) -> str:
    """Longer numbers come later, and of one length the higher."""
    digits = f"{number:x}"
    return f"{chr(ord('a') + len(digits) - 1)}{digits}" if len(digits) <= _DIGITS else f"z{'f' * _DIGITS}"


def natural(value: Any) -> int | None:
    """A number that isn't negative, also as text or as a float that is whole."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 40:
        return int(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
