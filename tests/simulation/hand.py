"""Whoever edits users in the target by hand: in its own pages, or by another client. Its audit log names them."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from streamproc.simulator.audits import Actor
from streamproc.simulator.errors import PlatformError, ScimError
from streamproc.simulator.ledger import LedgerEntry, Snapshot
from streamproc.simulator.resources import Entry
from streamproc.simulator.store import Change
from streamproc.simulator.users_api import edited
from streamproc.testing.network import Genesys
from tests.simulation.plan import Step

Told = Callable[[LedgerEntry], None]


class Hand:
    """Carries out steps of kind `hand`. `told`: is told of each edit, as of a write in the ledger.

    {user, changes} edits whoever's account it is, by the platform's names or SCIM's; {user, group, member} puts them
    into a group or takes them out; {stranger, active} makes an account of nobody's. By `who`, with `client`.
    """

    def __init__(self, genesys: Genesys, told: Told) -> None:
        self._genesys = genesys
        self._told = told
        self.given: dict[str, set[str]] = defaultdict(set)
        """User → groups that they were put into: nobody takes them out again."""
        self.strangers: dict[str, str] = {}
        """The target's id of an account of nobody's → its userName."""

    def perform(self, step: Step) -> str | None:
        """The account that was changed; None: nothing was, since there is none, or it was so already."""
        try:
            change = self._change(step)
        except (ScimError, PlatformError):
            return None  # somebody else has that name, or they were deleted meanwhile
        if change is None or not change.changed:
            return None
        simulator = self._genesys.simulator
        simulator.audit(Actor(step["client"], step["who"]), change)
        self._told(self._entry(change, "groups" if "group" in step else "users"))
        entry = self._account(step["user"]) if "user" in step else change.after
        return change.after.id if entry is None else entry.id

    def _change(self, step: Step) -> Change | None:
        store = self._genesys.simulator.store
        if (name := step.get("stranger")) is not None:
            change = store.create_user({**_BODY, "userName": name, "displayName": name, "active": step["active"]})
            self.strangers[change.after.id] = name
            return change
        entry = self._account(step["user"])
        if entry is None:
            return None
        if (named := step.get("group")) is None:
            return edited(store, entry, step["changes"], scim_names=True)
        group = next(each for each in store.groups.values() if each.attrs["displayName"] == named)
        if step["member"] == (entry.id in group.attrs.get("members", ())):
            return None
        if step["member"]:
            self.given[step["user"]].add(named)
            return store.edit_members(group, [entry.id], ())
        return store.edit_members(group, (), [entry.id])

    def _account(self, user: str) -> Entry | None:
        users = self._genesys.simulator.store.users.values()
        return next((each for each in users if each.attrs.get("externalId") == user and each.state != "deleted"), None)

    def _entry(self, change: Change, kind: str) -> LedgerEntry:
        facts: dict[str, Any] = dict.fromkeys(("user", "request_id", "if_match", "fault"))
        facts |= {"n": 0, "at": self._genesys.process.clock(), "method": "PATCH", "id": change.after.id, "status": 200}
        facts |= {"path": f"/{kind}/{change.after.id}", "applied": True, "changed": True, "answered": True, "raw": b""}
        facts |= {"version": change.after.version, "before": Snapshot.of(change.before)}
        return LedgerEntry(**facts, after=Snapshot.of(change.after))


_BODY = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
