"""OAuth's refresh tokens (RFC 6749 §6) that are used once: each access token comes with the next one.

Rule 1: the next refresh token is on the disk before the new access token is used. Gusto revokes the one before as soon
as the new access token is used (docs.gusto.com: Refresh access token).
Rule 2: the file belongs to one hydrator. Two would take each other's tokens away.
"""

import os
import re
from pathlib import Path
from typing import Any, Final

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import NotSentError, Reply, decoded
from streamproc.adapters.oauth import Granted, Tokens

_VISIBLE: Final = re.compile(r"[!-~]{1,8192}")


class RefreshedTokens(Tokens):
    """The current access token. `file` holds the refresh token, and nothing else."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        client_id: str,
        client_secret: str,
        clocks: Clocks,
        file: Path,
    ) -> None:
        super().__init__(http, url, client_id, client_secret, clocks, in_form=True)
        self._file = file

    def form(self) -> dict[str, str]:
        try:
            token = self._file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotSentError(f"{self._file} can't be read: {type(error).__name__}") from error
        return {**super().form(), "grant_type": "refresh_token", "refresh_token": token}

    def granted(self, reply: Reply) -> Granted:
        given = super().granted(reply)
        following: Any = decoded(reply.content).get("refresh_token")
        if isinstance(following, str) and following:  # else the present one stays (RFC 6749 §6)
            if not _VISIBLE.fullmatch(following):
                raise NotSentError("the next refresh token can't be kept: it has characters that no token has")
            try:
                _replace(self._file, following)
            except OSError as error:
                raise NotSentError(f"{self._file} can't be written: {type(error).__name__}") from error
        return given


def _replace(file: Path, text: str) -> None:
    """All of it or nothing is there afterwards, whatever happens meanwhile; only its owner can read it."""
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
