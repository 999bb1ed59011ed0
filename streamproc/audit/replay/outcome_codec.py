"""Ended: what an outcome says, as far as it is compared with what was folded.

Rule 1: it is an outcome if `OUTCOME` takes it strictly: nothing passes that isn't exactly of its type.
Rule 2: where its bytes are those that we write, that can be seen from them: which keys there are, in which order, and
that a number is a number. So little of it has to be decoded. What is in any way different is left to `OUTCOME`.
"""

import re
from typing import Final, NamedTuple, get_args

import orjson
from pydantic import ValidationError

from streamproc.core.records.outcome import OUTCOME, Fate, Verdict
from streamproc.core.records.user_record import OURS

_OURS: Final = b'"%b"' % OURS.encode()

BRACKETS: Final = 150
"""With more of them a request's body may be nested more deeply than `OUTCOME` reads."""

_FATES: Final = frozenset(get_args(Fate))
_VERDICTS: Final = {name.encode(): name for each in get_args(Verdict) for name in get_args(each)}

_PARTS: Final = {
    "ASKED": r'\{"id":TEXT,"method":TEXT,"path":TEXT,"body":',
    "CAUSE": r'\{"source":(TEXT),"event":TEXT,"origin":ORIGIN,"reason":TEXT?\}',
    "ORIGIN": r'\{"topic":TEXT,"partition":INT,"offset":INT,"appended":INT,"received":INT?\}',
    "HELD": r"\{(?:ATTRIBUTE(?:,ATTRIBUTE)*)?\}",
    "ATTRIBUTE": (
        r'(?:"(?:externalId|userName|displayName|division)":TEXT|"active":BOOL'
        r'|"(?:title|phone|email|department|employeeNumber|manager)":TEXT?'
        r'|"(?:roles|groups)":\[(?:TEXT(?:,TEXT)*)?\]|"(?:skills|languages)":\{(?:TEXT:NUMBER(?:,TEXT:NUMBER)*)?\})'
    ),
    "TAIL": r'\],"reason":TEXT?,"since":(INT?),"acknowledged":(INT?),"read_back":(INT?),"sessions_ended":(INT?)\}\Z',
    "TEXT": r'"[^"\\\x00-\x1f]*"',
    "INT": r"(?:0|[1-9]\d{0,17})",
    "NUMBER": r"(?:0|[1-9]\d{0,2})(?:\.\d{1,15})?",
    "BOOL": r"(?:true|false)",
    "VERDICT": "|".join(_VERDICTS.values()),
}
"""Word → what it stands for in a pattern, where nothing in a text is escaped. `?` after one: or null."""


def _pattern(text: str) -> re.Pattern[bytes]:
    for word, pattern in _PARTS.items():
        text = text.replace(f"{word}?", f"(?:{pattern}|null)").replace(word, pattern)
    return re.compile(text.encode())


_BEGIN: Final = _pattern(
    r'\{"user":(TEXT),"seq":(INT),"verdict":"(VERDICT)","final":(BOOL),"at":INT,("effect":(TEXT),"cause":CAUSE?,)'
    r'"operations":\[(TEXT(?:,TEXT)*)?\],"requests":\[(?:(ASKED)|TAIL)'
)
"""An outcome up to its first request's body, or in whole."""
_GO_ON: Final = _pattern(
    r',"sent":INT,"answered":INT,"status":INT?,"correlation_id":TEXT?,"error":TEXT?,"holds":HELD?,"absent":BOOL\}'
    r"(?:(,ASKED)|TAIL)"
)
"""From a body on to the next one, or to the end."""


class OutcomeSummary(NamedTuple):
    """An outcome. A tuple, because one is made for each line of the audit log.

    `about`: its effect and cause, in the bytes that the record has that it ends; None: it has them in others.
    `unknown`: it says that its effect is. `caused`: it names a cause, and `ours`: one that is no event. `wrote`: it
    names operations; `asked`: it names requests. The last three: whether it says when.
    """

    user: str
    seq: int
    verdict: str
    final: bool
    about: bytes | None
    unknown: bool
    caused: bool
    ours: bool
    wrote: bool
    asked: bool
    since: int | None
    acknowledged: bool
    read_back: bool
    sessions_ended: bool


def about(record: bytes) -> bytes:
    """Effect and cause of an encoded record, as an outcome has them too."""
    start = record.index(b'"effect":"')  # no text holds this, or what follows: its quotes would be escaped
    return record[start : record.index(b'"mapping":"', start)]


def parse_outcome(value: bytes) -> OutcomeSummary | None:
    """What it says; None: it isn't an outcome (rule 1), or a verdict is final that can't be."""
    said = _plain(value) or _strict(value)
    return None if said is None or (said.final and said.verdict not in _FATES) else said


def _strict(value: bytes) -> OutcomeSummary | None:
    try:
        said = OUTCOME.validate_json(value, strict=True)
    except ValidationError:
        return None
    told: bytes | None
    try:
        told = b'"effect":%s,"cause":%s,' % (orjson.dumps(said.effect), orjson.dumps(said.cause))
    except orjson.JSONEncodeError:  # a number that no record has
        told = None
    return OutcomeSummary(
        said.user,
        said.seq,
        said.verdict,
        said.final,
        told if told is not None and told in value else None,
        said.effect == "unknown",
        said.cause is not None,
        said.cause is not None and said.cause.source == OURS,
        bool(said.operations),
        bool(said.requests),
        said.since,
        said.acknowledged is not None,
        said.read_back is not None,
        said.sessions_ended is not None,
    )


def _plain(value: bytes) -> OutcomeSummary | None:
    """Rule 2. None: it may be an outcome nevertheless."""
    begin = found = _BEGIN.match(value)
    while found is not None and found.lastindex != found.re.groups:  # a request's body follows
        at = found.end()
        end = value.find(b',"sent":', at)
        found = _GO_ON.match(value, end) if _is_body(value[at:end]) else None
    if begin is None or found is None or not _is_text(value):
        return None
    user, seq, verdict, final, told, effect, source, operations, asked, *_ = begin.groups()
    since, acknowledged, read_back, sessions_ended = found.groups()[-4:]
    return OutcomeSummary(
        user[1:-1].decode(),
        int(seq),
        _VERDICTS[verdict],
        final == b"true",
        told,
        effect == b'"unknown"',
        source is not None,
        source == _OURS,
        operations is not None,
        asked is not None,
        None if since == b"null" else int(since),
        acknowledged != b"null",
        read_back != b"null",
        sessions_ended != b"null",
    )


def _is_body(value: bytes) -> bool:
    """Whether it is an object, or null. What this parser takes for JSON `OUTCOME` does too, if it isn't too deep."""
    if value == b"null":
        return True
    if value[:1] != b"{" or value.count(b"{") + value.count(b"[") > BRACKETS:
        return False
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_text(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
