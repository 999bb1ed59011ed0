"""What others do in the target: nobody who isn't ours is touched, and what is told of others is true, and has an end.

An operator's order takes the access of an account of nobody's, and nothing else does. A finding is closed once what it
tells of is put right, or it says why it isn't: set aside, or frozen. Whoever is named as its author has changed that
account.
"""

from collections import defaultdict
from typing import Any

from tests.simulation.invariants.watching import Known, Record, Telling
from tests.simulation.invariants.writes import active_in

BY_ORDER = "reconcile-"
"""Names of reconcile's requests begin so: all that it writes was ordered."""


class Findings:
    """Fed with edits by hand, with each record of scim.findings, with requests and with writes."""

    def __init__(self, known: Known, telling: Telling) -> None:
        self._known = known
        self._tell = telling
        self._newest: dict[str, dict[str, Any]] = {}
        self._authors: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
        """Account → who has changed it by hand, and with which client."""
        self._strangers: set[str] = set()
        """Accounts of nobody's."""
        self._ordered: set[str] = set()
        """Those whose access an operator has ordered to be taken."""
        self.writes = 0
        """Of ours that changed something."""

    def edited(self, account: str, who: str | None, client: str, *, stranger: bool = False) -> None:
        """Somebody has changed an account by hand; `stranger`: they have made it, and it is nobody's."""
        self._tell.count("edit by hand")
        self._authors[account].add((who, client))
        if stranger:
            self._strangers.add(account)

    def appended(self, record: Record) -> None:
        """A finding."""
        body = record.body
        self._newest[record.key] = body
        if body["incident"]:
            self._tell.count("finding: incident")
        if body["user"] in self._known.strangers:
            self._tell.fail("finding", f"{body['user']} is told of, who never was in scope: {body}")
        for each in body["differences"]:
            self._tell.count(f"finding: {each['kind']}")
            changed = each["changed"]
            if each["kind"] == "changed" and (changed["name"], changed["client"]) not in self._authors[body["account"]]:
                self._tell.fail("finding", f"{changed} hasn't changed {record.key}: {each}")
        if not body["differences"]:
            self._tell.count("finding closed")

    def control(self, record: Record) -> None:
        """An operator's order."""
        body = record.body
        if isinstance(body, dict) and body.get("action") == "deactivate" and body.get("account"):
            self._ordered.add(body["account"])

    def requested(self, method: str, path: str, body: bytes, request_id: str) -> None:
        """A request of ours leaves a process."""
        for each in self._strangers:
            may = each in self._ordered and request_id.startswith(BY_ORDER)
            if not may and (each in path or each.encode() in body):
                self._tell.fail("stranger", f"{method} {path} names an account of nobody's: {body[:200]!r}")

    def written(self, account: str | None, *, changed: bool) -> None:
        """A write of a sink was carried out."""
        self.writes += changed
        if account in self._strangers:
            self._tell.fail("stranger", f"{account} is nobody's, and was written")

    def ordered(self, account: str | None, body: Any, *, changed: bool) -> None:
        """A write of reconcile's was carried out."""
        self._tell.count("write by order")
        self.writes += changed
        if account not in self._ordered or active_in(body) is not False or len(body["Operations"]) != 1:
            self._tell.fail("stranger", f"{account} was written by nobody's order: {body}")

    def open(self) -> list[str]:
        """What is told, and is still to be put right; in words."""
        return [
            f"{key}: {each['attribute']} is {each['kind']}, {each['reason']}"
            for key, body in self._newest.items()
            for each in body["differences"]
            if not self._has_reason(body, each)
        ]

    def end(self) -> None:
        """All was compared since the last of it happened."""
        for words in self.open():
            self._tell.fail("finding", f"not closed: {words}")
        for account in self._strangers:
            told = self._newest.get(f"account/{account}")
            self._tell.count("finding of an orphan")
            if told is None or not told["differences"]:
                self._tell.fail("finding", f"{account} is nobody's, and isn't told")

    def _has_reason(self, finding: dict[str, Any], difference: dict[str, Any]) -> bool:
        if finding["user"] is None:
            return finding["account"] not in self._ordered or bool(finding.get("answered"))
        delivery = self._known.deliveries.get(finding["user"]) or {}
        if difference["kind"] != "pending" or difference["changed"] is not None:
            return False  # what our own client has just written, by the audit log, is repaired after a minute
        return bool(delivery.get("parked") or delivery.get("frozen"))
