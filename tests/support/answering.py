"""A connection to a directory that answers what it is told to, without sockets."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import Answer
from streamproc.hydrator.directories.api import Absent, _found
from streamproc.hydrator.directories.mending import mended

T = TypeVar("T")


@dataclass
class Answering:
    """In the place of an `Api`. `answers`: URL → status, content, and the Link header's next."""

    answers: Callable[[str], tuple[int, Any, str]]
    asked: list[str] = field(default_factory=list)
    quiet_until: float = 0.0

    async def get(self, url: str, *, absent: Absent | None = None, **_: Any) -> Answer:
        self.asked.append(url)
        assert len(self.asked) < 500, "requests without end"
        status, content, following = self.answers(url)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return _found(Answer(status, mended(raw), Micros(len(self.asked)), following), absent)

    async def post(self, url: str, body: dict[str, Any], *, absent: Absent | None = None, **_: Any) -> Answer:
        return await self.get(f"{url} {json.dumps(body, sort_keys=True)}", absent=absent)


def done(awaited: Coroutine[Any, Any, T]) -> T:
    """What it returns or raises; nothing in it waits."""
    return asyncio.run(awaited)
