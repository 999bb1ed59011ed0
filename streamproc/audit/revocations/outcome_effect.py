"""What an outcome says of a leaver: revoked, open, kept, or nothing to revoke; and which requests were tried."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, assert_never

from streamproc.audit.revocations.latency import Leaver
from streamproc.core.records.finding import is_look
from streamproc.core.records.outcome import Outcome, Request

ORDERS: Final = "streamproc"
"""Source in the cause of what an operator ordered, or time brought again; its event is the order's id, or `RETRY`."""
RETRY: Final = "retry"


def after_outcome(leaver: Leaver, outcome: Outcome, *, was_active: bool) -> Leaver:
    """The leaver after an outcome. `was_active`: the user was known to be active before they left.

    Who was never known to be active, and whom nobody tried to deactivate, had nothing that could be revoked.
    """
    leaver = _with_requests(leaver, outcome.requests)
    match outcome.verdict:
        case "revoked" | "delivered" | "no-op" if outcome.read_back is not None and (
            was_active or leaver.attempts or outcome.verdict == "revoked"
        ):
            return replace(
                leaver,
                state="revoked",
                acknowledged=outcome.acknowledged or leaver.acknowledged,
                read_back=outcome.read_back,
                sessions_ended=outcome.sessions_ended,
                stopped=outcome.read_back,
                why=_who_let_it_through(outcome),
            )
        case "revoked" | "delivered" | "no-op":
            return replace(leaver, state="nothing", stopped=outcome.at, why="")
        case "held":
            return replace(leaver, state="open", why=outcome.reason or "held by the mass guard")
        case "rejected":
            return replace(leaver, state="kept", why=f"rejected by {_who_ordered(outcome)}")
        case "skipped":
            return replace(leaver, state="open", why=f"given up by {_who_ordered(outcome)}")
        case "parked":
            return replace(leaver, state="open", why=f"parked: {outcome.reason}")
        case "superseded" | "read":
            return leaver
        case "retry" | "conflict" | "unknown" | "adopted" | "absent" | "missing" | "narrowed":
            return replace(leaver, why=f"target: {outcome.reason or outcome.verdict}")
        case _:
            assert_never(outcome.verdict)


def deactivates(request: Request) -> bool:
    """Whether it is a PATCH that takes a user's access away."""
    operations = (request.body or {}).get("Operations") if request.method == "PATCH" else None
    return isinstance(operations, list) and any(
        isinstance(operation, dict) and operation.get("path") == "active" and operation.get("value") is False
        for operation in operations
    )


def _with_requests(leaver: Leaver, requests: Sequence[Request]) -> Leaver:
    """The leaver with the first moment at which a deactivation was sent, and the last at which one was accepted."""
    deactivations = [request for request in requests if deactivates(request)]
    if not deactivations:
        return leaver
    sent = min(request.sent for request in deactivations)
    accepted = [
        request.answered for request in deactivations if request.status is not None and 200 <= request.status < 300
    ]
    return replace(
        leaver,
        sent=sent if leaver.sent is None else min(leaver.sent, sent),
        acknowledged=max(accepted, default=leaver.acknowledged),
        attempts=leaver.attempts + len(deactivations),
    )


def _who_let_it_through(outcome: Outcome) -> str:
    """By whose order it was sent; empty: it needed no order."""
    cause = outcome.cause
    if cause is None or cause.source != ORDERS or cause.event == RETRY or is_look(cause):
        return ""
    return f"after {cause.event.partition('-')[0]} by {_who_ordered(outcome)}"


def _who_ordered(outcome: Outcome) -> str:
    return (outcome.cause.reason if outcome.cause is not None else None) or outcome.reason or "an operator"
