"""A request as a server's handlers see it: what they use of aiohttp's, without its parser."""

from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict, MultiDict
from yarl import URL


class Match(dict[str, str]):
    """Which route it took, and the parts of the path that the route names."""

    def __init__(self, parts: Mapping[str, str], canonical: str) -> None:
        super().__init__(parts)
        self.route = SimpleNamespace(resource=SimpleNamespace(canonical=canonical))


class Asked:
    """One request. `target`: path and query, encoded, below `origin`."""

    def __init__(self, method: str, origin: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.origin = origin
        self.target = target
        self.raw_path, _, self.query_string = target.partition("?")
        self.path = unquote(self.raw_path) if "%" in self.raw_path else self.raw_path
        self.headers: CIMultiDict[str] = CIMultiDict(headers)
        self.body = body
        self.body_exists = bool(body)
        self.content_length = len(body)
        self.match_info = Match({}, "")
        self.transport = self.protocol = self.content = self
        self.remote = "192.0.2.1"
        self.keep_alive = False
        self.aborted = False
        """Whether the handler has cut the connection."""

    @cached_property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return self.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip().lower()

    @cached_property
    def query(self) -> MultiDict[str]:
        """Decoded."""
        return MultiDict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def url(self) -> URL:
        """All of it."""
        return URL(self.origin + self.target, encoded=True)

    async def read(self) -> bytes:
        """The body."""
        return self.body

    async def post(self) -> MultiDict[str]:
        """The fields of a form."""
        return MultiDict(parse_qsl(self.body.decode(), keep_blank_values=True))

    # As its own content: all of it came with the head

    def is_eof(self) -> bool:
        """Whether no more will come."""
        return True

    def read_nowait(self) -> bytes:
        """The body."""
        return self.body

    # As its own connection

    def prove(self) -> None:
        """Nobody waits for a place."""

    def get_extra_info(self, name: str) -> Any:
        """The socket; there is no certificate."""
        return self if name == "socket" else None

    def setsockopt(self, *_: Any) -> None:
        """Nothing has to be set."""

    def abort(self) -> None:
        """The client sees a reset."""
        self.aborted = True
