"""Groups of Microsoft Graph: their members, and the delta query, the only one that shows who joined or left.

learn.microsoft.com/graph: api/group-delta, delta-query-groups, api/group-list-members.
"""

import base64
import uuid
from typing import Any, Protocol
from urllib.parse import quote

import orjson
from aiohttp import web

from streamproc.simulator.directories.base import Refused, answered
from streamproc.simulator.directories.options import DirectoryOptions
from streamproc.simulator.directories.people import Entry, Values

_USER = "#microsoft.graph.user"
_TRACKED = {"id", "displayName", "description", "members"}


class Users(Protocol):
    """The users whose groups these are."""

    entries: dict[str, Entry]
    seq: int
    """Number of the last change."""
    epoch: str
    """Links from before a reset have another one."""

    @property
    def options(self) -> DirectoryOptions: ...

    def living(self) -> list[Entry]: ...


class Groups:
    """A group exists as long as it has members; its name is the one in people's `groups`."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self.clear()

    def clear(self) -> None:
        self._ids: dict[str, str] = {}
        self._renamed: dict[str, int] = {}

    def shown(self, name: str) -> Values:
        return {"@odata.type": "#microsoft.graph.group", "id": self._id(name), "displayName": name}

    def rename(self, old: str, new: str) -> None:
        """The same group under another name: neither users nor membership change."""
        self._ids[new] = self._id(old)
        del self._ids[old]
        self._users.seq += 1
        self._renamed[new] = self._users.seq
        for entry in self._users.entries.values():
            entry.history = [(seq, _renamed(values, old, new)) for seq, values in entry.history]
            entry.values = entry.history[-1][1]

    async def members(self, request: web.Request) -> web.Response:
        group = request.match_info["id"]
        names = [name for name, id_ in self._ids.items() if id_ == group]
        if not names:
            raise Refused(404, f"Resource '{group}' does not exist.")
        members = [user for user in self._users.living() if names[0] in user.values.get("groups", [])]
        return answered({"value": [{"@odata.type": _USER, "id": user.id} for user in members]})

    async def delta(self, request: web.Request) -> web.Response:
        """`latest` returns no groups, only a link to later changes. Members are shown only if they are selected."""
        state = self._state(request)
        state.setdefault("upto", self._users.seq)
        minimal = "return=minimal" in request.headers.get("Prefer", "") and state["since"] > 0
        changed = self._changed(state, minimal=minimal)
        page = changed[state["at"] : state["at"] + self._users.options.page_size]
        root = f"{request.url.origin()}/graph/v1.0"
        if state["at"] + len(page) < len(changed):
            link = {"@odata.nextLink": _link(root, "$skiptoken", {**state, "at": state["at"] + len(page)})}
        else:
            after = {**state, "since": state["upto"], "at": 0}
            del after["upto"]
            link = {"@odata.deltaLink": _link(root, "$deltatoken", after)}
        return answered({"@odata.context": f"{root}/$metadata#groups", **link, "value": page})

    def _state(self, request: web.Request) -> dict[str, Any]:
        query, epoch = request.query, self._users.epoch
        token = query.get("$skiptoken") or query.get("$deltatoken")
        if token is None or token == "latest":  # noqa: S105 - a word of the protocol's
            select = query.get("$select", "displayName").split(",")
            if set(select) - _TRACKED:
                raise Refused(400, "Could not find a property of that name on type 'microsoft.graph.group'.")
            return {"select": select, "since": 0 if token is None else self._users.seq, "at": 0, "epoch": epoch}
        try:
            state: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise Refused(400, "Badly formed token.") from None
        if state["epoch"] != epoch:
            raise Refused(410, "The sync state is gone: start over.", {"Location": "/graph/v1.0/groups/delta"})
        return state

    def _changed(self, state: dict[str, Any], *, minimal: bool) -> list[Values]:
        """`minimal`: unchanged properties are left out."""
        since, upto = state["since"], state["upto"]
        moved: dict[str, list[Values]] = {}
        there: set[str] = set()
        for entry in self._users.entries.values():
            old, new = _groups_of(entry, since), _groups_of(entry, upto)
            there |= old
            for name in sorted(old ^ new):
                left = {} if name in new else {"@removed": {"reason": "deleted"}}
                moved.setdefault(name, []).append({"@odata.type": _USER, "id": entry.id, **left})
        renamed = {name for name, seq in self._renamed.items() if since < seq <= upto}
        tracked = moved.keys() | renamed if "members" in state["select"] else renamed
        changed = []
        for name in sorted(tracked):
            named = {} if minimal and name in there - renamed else {"displayName": name}
            members = {"members@delta": moved[name]} if name in moved else {}
            changed.append({"id": self._id(name)} | named | members)
        return changed

    def _id(self, name: str) -> str:
        return self._ids.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, name)))


def _groups_of(entry: Entry, seq: int) -> set[str]:
    """Deleted users are in no group."""
    gone = entry.removed is not None and entry.seq <= seq
    return set() if gone else set(entry.before(seq).get("groups") or [])


def _renamed(values: Values, old: str, new: str) -> Values:
    if old not in (values.get("groups") or []):
        return values
    return {**values, "groups": [new if group == old else group for group in values["groups"]]}


def _link(root: str, name: str, state: dict[str, Any]) -> str:
    token = base64.urlsafe_b64encode(orjson.dumps(state)).decode()
    return f"{root}/groups/delta?{name}={quote(token)}"
