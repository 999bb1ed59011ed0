"""What a sink asks of the target, as it leaves the sink: invariants 5 to 9 and 17.

Never DELETE; no PATCH without the version that it rests on, but for a leaver whom no request with one has revoked; a
revocation alone in its request; after a write whose outcome isn't known a read; one request in flight per user; and
nobody named who never was in scope.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tests.simulation.invariants.watching import Known, Telling
from tests.simulation.invariants.writes import active_in

USERS = "/scim/v2/Users"
GROUPS = "/scim/v2/Groups"
UNKNOWN = frozenset({500, 502, 503, 504})
"""Statuses after which a write may have been carried out."""
BY_GUARD = frozenset({"held", "rejected", "protected"})
"""Codes of what was set aside before anything was asked of the target."""
WORD = re.compile(rb"[A-Za-z0-9_.@+-]+")
THEIRS = re.compile(rb'"externalId":"([^"]+)"')
"""Of whose account a body is."""


@dataclass(slots=True)
class Asked:
    """A request under way. `about`: the account, or whatever else its path names; `user`: for whom."""

    process: Hashable
    method: str
    path: str
    user: str | None
    about: str


class Requests:
    """`versioned`: whether the target has ETags."""

    def __init__(self, known: Known, telling: Telling, *, versioned: bool = True) -> None:
        self._known = known
        self._tell = telling
        self._versioned = versioned
        self._under_way: dict[int, Asked] = {}
        self._unknown: set[tuple[Hashable, str]] = set()
        """Process and user of a write of which it isn't known whether it was carried out."""
        self._conditional: set[str] = set()
        """Accounts that somebody has tried to deactivate with If-Match."""

    def acquired(self, process: Hashable, partition: str) -> None:
        """A process has come to a partition anew: what it had sent before is its predecessor's."""
        here = {user for user, home in self._known.homes.items() if str(home) == partition}
        self._unknown = {(by, user) for by, user in self._unknown if by != process or user not in here}
        gone = [number for number, each in self._under_way.items() if each.process == process and each.user in here]
        for number in gone:
            del self._under_way[number]

    def requested(
        self, number: int, process: Hashable, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """It leaves the process."""
        self._tell.count(f"request {method}")
        self._name(method, path, body)
        user = self._user(headers, path, body)
        asked = Asked(process, method, path, user, path.partition("?")[0].rpartition("/")[2])
        if method != "GET":
            self._write(asked, headers, orjson.loads(body) if body else None)
        if user is not None:
            for other in self._under_way.values():
                if other.user == user and other.process == process and "GET" not in {method, other.method}:
                    self._tell.fail("in flight", f"{method} {path} of {user}, and {other.method} {other.path} is out")
        self._under_way[number] = asked

    def answered(self, number: int, status: int | None) -> Asked | None:
        """The process has its answer; None: an error, or it has given it up. Returns what it had asked."""
        asked = self._under_way.pop(number, None)
        if asked is not None:
            self._heard(asked, status)
        return asked

    def _heard(self, asked: Asked, status: int | None) -> None:
        place = (asked.process, asked.user or "")
        if asked.method == "GET":
            if status is not None and (status < 400 or status in {404, 410}) and "/Users" in asked.path:
                read = {place} if asked.user else {each for each in self._unknown if each[0] == asked.process}
                self._unknown -= read
        elif not asked.user:
            return
        elif status is None or status in UNKNOWN or 300 <= status < 400:
            self._tell.count("write of unknown outcome")
            self._unknown.add(place)

    def _user(self, headers: Mapping[str, str], path: str, body: bytes) -> str | None:
        """For whom, by the name of the request: PARTITION-SEQ-SUM; of a change of the mapping by whom it names."""
        home, _, rest = headers.get("X-Request-Id", "").partition("-")
        seq, known = rest.partition("-")[0], self._known
        user = known.users.get((int(home), int(seq))) if home.isdigit() and seq.isdigit() else None
        if user != "":
            return user
        told = WORD.findall(_plain(path)) + THEIRS.findall(body) + WORD.findall(body)  # a body may name a manager, too
        words = [each.decode() for each in told]
        named = [known.accounts.get(each, each) for each in words if each in known.accounts or each in known.homes]
        return named[0] if named else None

    def _name(self, method: str, path: str, body: bytes) -> None:
        strangers, names = self._known.strangers, self._known.names
        if not strangers:
            return
        self._tell.count("request while somebody never was in scope")
        words = {each.decode() for each in WORD.findall(_plain(path)) + WORD.findall(body)}
        named = [word for word in sorted(words) if (users := names.get(word)) and users <= strangers]
        if named:
            self._tell.fail("scope", f"{method} {path} names {named}, who never was in scope")

    def _write(self, asked: Asked, headers: Mapping[str, str], body: Any) -> None:
        method, path, user = asked.method, asked.path, asked.user
        if method == "DELETE":
            self._tell.fail("delete", f"DELETE {path}")
            return
        leaves = active_in(body) is False
        if leaves and method == "PATCH":
            self._tell.count("revocation sent")
            if len(body["Operations"]) != 1 or set(body["Operations"][0]) - {"op", "path", "value"}:
                self._tell.fail("alone", f"{user} is deactivated together with other things: {body}")
        if leaves and method == "POST":
            self._tell.fail("alone", f"{user} is created inactive: {body}")
        if method in {"PATCH", "PUT"} and self._versioned:
            self._version(asked, headers.get("If-Match"), leaves=leaves)
        if user is not None and (asked.process, user) in self._unknown and not (leaves and self._was_aside(user)):
            self._unknown.discard((asked.process, user))
            self._tell.fail("blind", f"{method} {path} of {user}: what became of the write before isn't known")

    def _was_aside(self, user: str) -> bool:
        """Whether the last turn was set aside as a whole. The target may refuse to show them, now as before: a leaver
        doesn't wait for that. Their access is taken by the version that was noted, so that nothing is written over.
        """
        parked = (self._known.deliveries.get(user) or {}).get("parked")
        return parked is not None and not parked["attributes"] and parked["code"] not in BY_GUARD

    def _version(self, asked: Asked, version: str | None, *, leaves: bool) -> None:
        if version is not None:
            self._tell.count("write with If-Match")
            if leaves:
                self._conditional.add(asked.about)
        elif not leaves or asked.about not in self._conditional:
            self._tell.fail("If-Match", f"{asked.method} {asked.path} of {asked.user} has none")
        else:
            self._tell.count("revocation without If-Match")


def _plain(path: str) -> bytes:
    return path.replace("%22", '"').replace("%20", " ").replace("%40", "@").encode()
