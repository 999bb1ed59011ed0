"""The fault plan: which request fails, and how. One seeded generator makes a run repeatable."""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from streamproc.simulator.errors import PlatformError, too_many_requests, unauthorized

_SERVER_ERRORS = {
    "500": ("internal.server.error", "The server encountered an unexpected condition."),
    "503": ("service.unavailable", "Service Unavailable"),
    "504": ("gateway.timeout", "The request timed out."),
}
# Answers after which the write was applied all the same.
AFTER = frozenset({"500_after", "503_after", "504_after"})
_BESIDE = ("platform/", "oauth/")
KINDS = frozenset(
    {"429", "429_no_retry_after", "500_before", "503_before", "401", "403", "version_conflict"}
    | {"reset", "slow", "lost_answer"}
    | AFTER
)


@dataclass(slots=True)
class Fault:
    """One rule; of the rules that fit a request, the first that fires wins.

    `_before` means not applied, `_after` applied and then answered so; `reset` aborts the connection before applying
    and `lost_answer` after; `slow` waits `delay_ms` and goes on, but any other kind can be given a delay too.
    """

    kind: str
    probability: float = 1.0
    times: int | None = None
    method: str | None = None
    path: str | None = None
    user: str | None = None
    delay_ms: float = 0
    retry_after: int | None = None

    def fits(self, method: str, path: str, users: Callable[[], tuple[str, ...]]) -> bool:
        if self.times == 0 or (self.method is not None and self.method.upper() != method):
            return False
        if self.path is None and path.startswith(_BESIDE):
            return False  # a rule for all is for all of SCIM
        if self.path is not None and not path.lower().startswith(self.path.lower()):
            return False
        if self.kind == "version_conflict" and method not in ("PUT", "PATCH", "DELETE"):
            return False
        return self.user is None or self.user in users()

    def refusal(self) -> PlatformError | None:
        """The error with which this fault answers instead of applying the request."""
        if self.kind == "429":
            return too_many_requests(1 if self.retry_after is None else self.retry_after)
        if self.kind == "429_no_retry_after":
            return too_many_requests(None)
        if self.kind == "401":
            return unauthorized()
        if self.kind == "403":
            return PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")
        return self.failure() if self.kind.endswith("_before") else None

    def failure(self) -> PlatformError:
        status = self.kind[:3]
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return PlatformError(int(status), *_SERVER_ERRORS[status], headers)


_NAMES = {field.name for field in fields(Fault)}


def parse(rule: Any) -> Fault:
    """Raises ValueError for a rule that could never have an effect."""
    if not isinstance(rule, Mapping) or rule.get("kind") not in KINDS:
        raise ValueError(f"a fault needs a kind, one of {', '.join(sorted(KINDS))}")
    if unknown := rule.keys() - _NAMES:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    fault = Fault(**rule)
    numbers = (fault.probability, fault.delay_ms, fault.times or 0, fault.retry_after or 0)
    if not all(isinstance(number, (int, float)) and number >= 0 for number in numbers):
        raise ValueError("probability, delay_ms, times and retry_after must be numbers, 0 or more")
    texts = (fault.method, fault.path, fault.user)
    if not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError("method, path and user must be strings")
    return fault


class FaultPlan:
    def __init__(self, seed: int) -> None:
        self.replace([], seed)

    def replace(self, faults: list[Fault], seed: int) -> None:
        self.faults = faults
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - repeatable is what is wanted

    def choose(self, method: str, path: str, users: Callable[[], tuple[str, ...]]) -> Fault | None:
        """`path` is what follows the SCIM root; `platform/` and what follows the platform's; or `oauth/token`.

        `users` names the request's user, asked only if a rule does.
        """
        for fault in self.faults:
            if fault.fits(method, path, users) and (
                fault.probability >= 1 or self._random.random() < fault.probability
            ):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def shown(self) -> dict[str, Any]:
        return {"faults": [asdict(fault) for fault in self.faults], "seed": self.seed}
