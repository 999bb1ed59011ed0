"""What the HR vendors share: numbers as ids, hooks without values, and how each signs them."""

import base64
import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from streamproc.simulator.directories.base import Directory
from streamproc.simulator.directories.people import Change, Entry, Values

_TIMEOUT_S = 10.0


class HrVendor(Directory):
    """Hooks go to the gateway's one door for HR vendors."""

    def new_id(self) -> str:
        return str(4000 + len(self.entries))

    def problem(self, status: int, message: str) -> Any:  # noqa: ARG002 - most bodies don't repeat the status
        return {"error": message}

    def epoch(self) -> str:
        return str(int(self.site.around.now()))

    def works(self, values: Values) -> bool:
        """From the first day to the last, both included."""
        today = self.now().date().isoformat()
        return bool(values["active"]) and (values.get("hireDate") or today) <= today <= (last_day(values) or today)

    @abstractmethod
    def hook(self, change: Change) -> Any:
        """The body of the hook that tells of a change."""

    @abstractmethod
    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        """The headers that prove who sent it."""

    def announce(self, change: Change) -> None:
        if self.options.gateway:
            self.site.hooks.start(self._tell(change))

    async def _tell(self, change: Change) -> None:
        content = self.hook(change)
        body = orjson.dumps(content)
        headers = {"Content-Type": "application/json", **self.signed(self.options.hris_key.encode(), body)}
        url = f"{self.options.gateway}/v1/hris"

        async def send() -> None:
            status, _, _ = await self.site.hooks.ask("POST", url, body, headers, timeout_s=_TIMEOUT_S)
            self.site.hooks.note(self.name, about=change.entry.id, url=url, status=status)

        await self.deliver(change.entry.id, send)


class HexSigned(HrVendor):
    """HMAC-SHA256 of the body, in hexadecimal."""

    header: ClassVar[str]

    def signed(self, key: bytes, body: bytes) -> Mapping[str, str]:
        return {self.header: hmac.new(key, body, hashlib.sha256).hexdigest()}


def encoded(key: bytes, body: bytes, algorithm: str = "sha256", *, for_url: bool = False) -> str:
    """The HMAC in base64."""
    digest = hmac.new(key, body, algorithm).digest()
    return (base64.urlsafe_b64encode if for_url else base64.b64encode)(digest).decode()


def last_day(values: Values) -> str | None:
    return values.get("lastDay") or values.get("terminationDate")


def manager_id(directory: Directory, entry: Entry) -> str | None:
    manager = directory.by_number(entry.values.get("manager"))
    return None if manager is None else manager.id
