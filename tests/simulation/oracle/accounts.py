"""Whose each account of a directory is, and what it says: of the directory `entra`, whose records are whole accounts.

An account is whose number it carries; an operator's order counts before that, until the number becomes another than
it was at the order. Who was disabled in a directory stays denied by that account also after the directory has given it
another number; after an operator's order not.
"""

from typing import Any, Final

from tests.simulation.oracle.words import FACTS

SOURCE: Final = "entra"


class Account:
    """One account as the records and orders about it come in. `owner`: user, or None."""

    def __init__(self) -> None:
        self.owner: str | None = None
        self.says: dict[str, Any] | None = None
        """Fact → value; None: nothing was heard yet."""
        self.owners: set[str] = set()
        """All whose it ever was."""
        self.denied: dict[str, bool] = {}
        """Former or present owner → whether it was disabled as theirs."""
        self.unclear = False
        """Two records came within a millisecond: which of them is the later can't be said."""
        self._at = -1.0
        self._claim: str | None = None
        self._order: tuple[str | None, str | None] | None = None
        """Whose it is by an operator's word, and the number that the account carried then."""

    def record(self, item: dict[str, Any], at: float) -> None:
        """The directory shows the account. `at`: seconds, when the broker had it."""
        self.unclear, self._at = self.unclear or abs(at - self._at) < 0.001, at
        enabled, before, heard = item["accountEnabled"], self.owner, self.says is not None
        self._claim = (item.get("employeeId") or "").strip() or self._claim
        self.says = dict.fromkeys(FACTS) | {
            "userName": item["userPrincipalName"],
            "displayName": item["displayName"],
            "active": enabled,
            "job": item.get("jobTitle"),
            "department": item.get("department"),
            "employeeNumber": item.get("employeeId"),
        }
        after = self._whose()
        if before is not None:
            self.owners.add(before)  # be it by an order that was given before anything was heard
        if after == before:
            if after is not None:
                self.denied[after] = not enabled
        else:
            if before is not None and not enabled and heard:
                self.denied[before] = True  # it is theirs that is disabled, also where it is renumbered at once
            if after is not None:
                self.denied[after] = not enabled and (before is None or self.denied.get(after, False))
        self._settle(after)

    def order(self, user: str | None) -> None:
        """An operator says whose it is; None: nobody's that is known."""
        self._order = (user, self._claim)
        after = self._whose()
        if after != self.owner:
            if self.owner is not None:
                self.denied[self.owner] = False
        elif after is not None:
            self.denied[after] = False
        if after is not None:
            self.denied.setdefault(after, False)
        self._settle(after)

    def _whose(self) -> str | None:
        if self._order is not None and (self._order[1] != self._claim or self._order[0] == self._claim):
            self._order = None
        return self._claim if self._order is None else self._order[0]

    def _settle(self, owner: str | None) -> None:
        self.owner = owner
        if owner is not None and self.says is not None:
            self.owners.add(owner)
