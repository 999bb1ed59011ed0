"""The part of a history that a directory tells: accounts that are made, disabled, renumbered, and put right by orders.

Accounts are whole, as Graph shows a user, and each has one owner at a time; of two accounts of one user the oracle
demands little.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

JOBS: Final = ("Agent", "Consultant", None)
APART: Final = 0.011
"""Seconds between two records of one account: it is known by the millisecond which came later."""


class AccountsHistory:
    """`moves`: the directory renumbers accounts. `orders`: operators say whose they are."""

    def __init__(self, random: Random, users: Sequence[str], *, moves: bool, orders: bool) -> None:
        self._random = random
        self._users = [*users, "U8", "U9"]
        """HR has never heard of the last two."""
        self._numbers: dict[str, str] = {}
        """Account → the number that it carries."""
        self._enabled: dict[str, bool] = {}
        self._last = 0.0
        self._moves, self._orders = moves, orders

    def next(self, now: float) -> list[dict[str, Any]]:
        """What a directory tells now, or what is ordered of it."""
        random = self._random
        at = self._last = max(now, self._last + APART)
        kinds = ["made"] if len(self._numbers) < 2 else []
        kinds += ["changed", "changed", "access", "access"] if self._numbers else []
        kinds += ["moved"] if self._moves and self._numbers else []
        kinds += ["link", "split"] if self._orders and self._numbers else []
        kind = random.choice(kinds)
        if kind == "made":
            account = f"{len(self._numbers) + 1:08}-aaaa-4aaa-8aaa-000000000000"
            self._numbers[account], self._enabled[account] = random.choice(self._users), random.random() < 0.9
            return [self._shown(account, at)]
        account = random.choice(sorted(self._numbers))
        if kind in {"link", "split"}:
            order = {"at": at, "kind": "order", "action": kind, "subject": f"entra/{account}"}
            return [order | ({"user": random.choice(self._users)} if kind == "link" else {})]
        if kind == "moved":
            self._numbers[account] = random.choice(self._users)
        if kind == "access" or (kind == "moved" and random.random() < 0.3):
            self._enabled[account] = not self._enabled[account]
        return [self._shown(account, at)]

    def _shown(self, account: str, at: float) -> dict[str, Any]:
        name = f"acc{account[:8].lstrip('0')}"
        user = {
            "id": account,
            "accountEnabled": self._enabled[account],
            "userPrincipalName": f"{name}@corp.example.com",
            "displayName": f"Account {name}",
            "employeeId": self._numbers[account],
            "jobTitle": self._random.choice(JOBS),
            "department": self._random.choice(["Care", "Billing East"]),
            "mail": None,
            "businessPhones": [],
            "mobilePhone": None,
            "employeeOrgData": {"division": None},
            "manager": None,
        }
        return {"at": at, "kind": "say", "topic": "events.entra", "key": account, "value": user}
