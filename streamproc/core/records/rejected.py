"""Value of `events.rejected`: input that can't become an event, or of which a part couldn't be read."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from pydantic import TypeAdapter

from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value

MOST: Final = 100
"""Problems of one input that are told one by one."""
LONGEST: Final = 256
"""Characters of a subject, or a field's name, that are told."""
WORDS: Final = 1000
"""Characters of a reason."""
LARGEST: Final = 1024 * 1024
"""Bytes of a value that are kept: in base64 they fit into a record."""
RECORD: Final = 2_000_000
"""Bytes of a rejection that brokers take. JSON may write a character in six bytes."""
SHARES: Final = (1.0, 0.5, 0.0)
"""Of `LARGEST`, `BESIDE` and `MOST` that are tried in turn, until it fits."""
BESIDE: Final = 64 * 1024
"""Bytes of a key that are kept, and of headers."""


class Problem(Value, frozen=True):
    """What couldn't be read. `reason`: a sentence without values. `field`: name of the fact or column."""

    code: str
    reason: str
    subject: str | None = None
    field: str | None = None


class Rejected(Value, frozen=True):
    """Input that can't be understood: where it lies, why, and the original bytes (base64).

    `partial`: the rest of it was carried out. What couldn't be read is in `code`, `reason`, `subject` and `field`,
    and in `more`, where there is more; `untold` counts what isn't even there.
    """

    topic: str
    partition: int
    offset: int
    """-1, as the partition: it never was in a topic."""
    appended: Millis
    """ms since 1970."""
    code: str
    reason: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]
    subject: str | None = None
    field: str | None = None
    partial: bool = False
    more: tuple[Problem, ...] = ()
    untold: int = 0
    cut: bool = False
    """The bytes are too many to be kept here, or lie elsewhere as long as this does; there they are whole."""
    denies: bool = False
    """Nothing was carried out, and it says, or may have said, that somebody has left: they may still have access."""

    @property
    def problems(self) -> list[Problem]:
        """All that are told."""
        return [Problem(self.code, self.reason, self.subject, self.field), *self.more]

    def bytes_of(self) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
        """Key, value and headers as they came. Raises binascii.Error where it isn't base64."""
        headers = [(name, b64decode(content, validate=True)) for name, content in self.headers]
        key, value = (None if each is None else b64decode(each, validate=True) for each in (self.key, self.value))
        return key, value, headers


REJECTED: TypeAdapter[Rejected] = TypeAdapter(Rejected)


def encode_rejected(
    topic: str,
    partition: int,
    offset: int,
    appended: Millis,
    problems: Sequence[Problem],
    *,
    key: bytes | None = None,
    value: bytes | None = None,
    headers: Iterable[tuple[str, bytes | None]] = (),
    partial: bool = False,
    kept: bool = True,
    denies: bool = False,
) -> bytes:
    """A Rejected as JSON, of the input's own bytes. `problems`: one at least. `kept`: the value is stored here."""
    first, *more = [_short(problem) for problem in dict.fromkeys(problems)]
    beside = [*headers]
    for share in SHARES:
        stored: list[tuple[str, str]] = []
        room, most, told = int(BESIDE * share), int(LARGEST * share), max(1, int(MOST * share))
        cut = len(key or b"") > room or len(value or b"") > most or not kept
        key_room = room
        for name, content in beside:
            room -= len(name) + len(content or b"")
            if room >= 0:
                stored.append((name, _base64(content) or ""))
        encoded = orjson.dumps(
            Rejected(
                topic,
                partition,
                offset,
                appended,
                first.code,
                first.reason,
                None if key is None else _base64(key[:key_room]),
                None if value is None or not kept else _base64(value[:most]),
                stored,
                first.subject,
                first.field,
                partial,
                tuple(more[: told - 1]),
                max(0, len(more) + 1 - told),
                cut or room < 0,
                denies,
            )
        )
        if len(encoded) <= RECORD:
            break
    return encoded


def _short(problem: Problem) -> Problem:
    subject, field_ = problem.subject, problem.field
    return Problem(problem.code, problem.reason[:WORDS], subject and subject[:LONGEST], field_ and field_[:LONGEST])


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()
