"""The story that `streamproc demo` plays: what HR says, what Genesys Cloud is to hold afterwards, and what it costs.

What Genesys is to hold is in `expected.py`, written out by hand: neither the fold nor the plan that it judges has a
part in it.
"""

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Step:
    """One record that a producer sends, and what a user would expect of it.

    `fate` and `writes` (method and resource of each write, in order): None where the step's first contact decides.
    """

    title: str
    subject: str
    event: dict[str, Any] | bytes
    fate: str
    writes: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def _event(
    number: int, kind: str, subject: str, attributes: dict[str, Any], reason: str | None = None, second: int = 0
) -> dict[str, Any]:
    event = {
        "id": f"hr-{number:04}.{second}",
        "type": kind,
        "subject": subject,
        "time": f"2026-03-02T09:{number:02}:{second:02}+01:00",
        "attributes": attributes,
    }
    return event | ({"reason": reason} if reason else {})


_ANA = {
    "userName": "ana.ruiz@example.com",
    "displayName": "Ana Ruiz",
    "active": True,
    "job": "Agent",
    "department": "Care",
    "division": "Care",
    "phone": "+13175550101",
    "manager": "E2001",
    "employeeNumber": "E1001",
    "custom": {"genesysLanguage": "English:5"},
}
_BEN = {
    "userName": "ben.okafor@example.com",
    "displayName": "Ben Okafor",
    "active": True,
    "job": "Agent",
    "department": "Billing",
    "division": "Care",
    "employeeNumber": "E1002",
    "custom": {"genesysQueue": "Billing"},
}
_MAYA = {
    "userName": "maya.lind@example.com",
    "displayName": "Maya Lind",
    "active": True,
    "job": "Team Lead",
    "department": "Care",
    "division": "Care",
    "employeeNumber": "E2001",
}

STEPS: Final[list[Step]] = [
    Step(
        "Maya is hired as a team lead",
        "E2001",
        _event(1, "snapshot", "E2001", _MAYA),
        "delivered",
        ["POST Users", "PATCH Groups"],
    ),
    Step("Ana is hired as an agent", "E1001", _event(2, "snapshot", "E1001", _ANA), "delivered", ["POST Users"]),
    Step(
        "Ben is hired into Billing",
        "E1002",
        {
            "specversion": "1.0",
            "id": "hr-0003",
            "source": "/hris/emea",
            "type": "streamproc.user.snapshot.v1",
            "subject": "E1002",
            "time": "2026-03-02T09:03:00+01:00",
            "datacontenttype": "application/json",
            "data": {"attributes": _BEN},
        },
        "delivered",
        ["POST Users", "PATCH Groups"],
        {"content-type": "application/cloudevents+json"},
    ),
    Step(
        "Ana moves to Spanish Support",
        "E1001",
        _event(4, "change", "E1001", {"department": "Spanish Support"}, "transfer request 4711"),
        "delivered",
        ["PATCH Users", "PATCH Groups"],
    ),
    Step(
        "HR sends Ana again, unchanged",
        "E1001",
        _event(5, "change", "E1001", {"department": "Spanish Support"}),
        "no-op",
    ),
    Step(
        "the move is delivered twice", "E1001", _event(4, "change", "E1001", {"department": "Spanish Support"}), "no-op"
    ),
    Step("a producer sends rubbish", "E1001", b'{"id": "hr-0006", "type": "snapsh', "rejected"),
    Step(
        "Ben gets a phone number",
        "E1002",
        _event(7, "change", "E1002", {"phone": "+13175550102"}),
        "delivered",
        ["PATCH Users"],
    ),
    Step(
        "Ben is transferred from Billing to Sales",
        "E1002",
        _event(8, "change", "E1002", {"department": "Sales", "division": "Sales", "custom": {"genesysQueue": "Sales"}}),
        "delivered",
        ["PATCH Groups", "PATCH Users", "PATCH Groups"],
    ),
    Step(
        "Ana leaves",
        "E1001",
        _event(9, "change", "E1001", {"active": False}, "resignation"),
        "revoked",
        ["PATCH Users"],
    ),
    Step(
        "an old event about Ana arrives late",
        "E1001",
        _event(1, "change", "E1001", {"job": "Clerk", "active": True}, second=30),
        "no-op",
    ),
    Step("Maya leaves", "E2001", _event(10, "change", "E2001", {"active": False}), "revoked", ["PATCH Users"]),
    Step(
        "Ana is hired again",
        "E1001",
        _event(11, "change", "E1001", {"active": True}, "rehired"),
        "delivered",
        ["PATCH Users"],
    ),
    Step(
        "Ana becomes a senior agent",
        "E1001",
        _event(12, "change", "E1001", {"job": "Senior Agent"}),
        "delivered",
        ["PATCH Users"],
    ),
]

_IVO = {
    "userName": "ivo.marek@example.com",
    "displayName": "Ivo Marek",
    "active": True,
    "job": "Forklift Driver",
    "department": "Warehouse",
    "division": "Care",
    "employeeNumber": "E1004",
}

SCOPE: Final = """
[scope]
who = 'department in ["Billing", "Care", "Sales", "Spanish Support"]'
"""
"""Who is ours in the demo, beside the default mapping, which has everybody."""

OUTSIDER: Final[list[Step]] = [
    Step("Ivo is hired as a forklift driver", "E1004", _event(13, "snapshot", "E1004", _IVO), "no-op"),
    Step(
        "Ivo moves to the contact centre",
        "E1004",
        _event(14, "change", "E1004", {"department": "Care", "job": "Agent"}),
        "delivered",
        ["POST Users"],
    ),
    Step(
        "Ivo moves back to the warehouse",
        "E1004",
        _event(15, "change", "E1004", {"department": "Warehouse", "job": "Forklift Driver"}),
        "revoked",
        ["PATCH Users"],
    ),
    Step("Ivo leaves the company", "E1004", _event(16, "change", "E1004", {"active": False}), "no-op"),
]
"""Somebody who is ours only for a time."""

ZOE: Final = {
    "userName": "zoe.adler@example.com",
    "displayName": "Zoe Adler",
    "active": True,
    "job": "Agent",
    "department": "Care",
    "division": "Care",
    "employeeNumber": "E1005",
}
HIRED: Final = Step("Zoe is hired", "E1005", _event(17, "snapshot", "E1005", ZOE), "delivered", ["POST Users"])
GOES: Final = Step("Zoe leaves", "E1005", _event(18, "change", "E1005", {"active": False}), "revoked", ["PATCH Users"])
"""Somebody whose e-mail address a supervisor changes by hand, again and again; in Genesys Cloud it is the userName."""

GROUPS: Final = ["Sales Queue"]
"""Groups that the story needs beside the simulator's own."""
