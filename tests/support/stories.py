"""Users' stories in a log: a simple one, a leaver with faults, a moved link, a new mapping, a date, what was passed
over, and somebody who comes back. Every value that says who somebody is stands in `PERSONAL`.
"""

from typing import Literal

from streamproc.core.fold.facts import absorb
from streamproc.core.fold.fold import passed
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Effective, Fact, Move, Origin
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause
from tests.support.logs import BEGAN, Log

MAPPING = """
[attributes]
title = "job"
phone = "phone"
email = "mail"
department = "department"
employeeNumber = "number"
manager = "boss"
[[copy]]
fact = "queues"
to = "skills"
[[rule]]
when = { department = "Spanish*" }
languages = { Spanish = 4.0 }
"""
NEWER = (
    MAPPING
    + """
[[copy]]
fact = "badge"
to = "roles"
[[rule]]
when = { department = "Billing" }
skills = { Billing = 3.0 }
"""
)

NAMES = {
    "simple": "Zofia Przybylska",
    "leaver": "Aurelio Quintero",
    "moved": "Ingeborg Thorvaldsen",
    "dated": "Kekoa Makanalani",
    "passed": "Bronislava Hruba",
    "again": "Tancredi Vespucci",
}
USERS = {name: f"U-{number}-77{number}" for number, name in enumerate(NAMES)}
OTHER = "U-9-9931"
OPERATOR = "Kimberley Bergström"
PERSONAL = sorted(
    {
        *NAMES.values(),
        *USERS.values(),
        OTHER,
        OPERATOR,
        "Bergström",
        *(f"{name.split()[0].lower()}@acme.example" for name in NAMES.values()),
        *(f"+49301234{number}" for number in range(len(NAMES))),
        *(str(88_000_111_000 + number) for number in range(len(NAMES))),
        "00uSubjectOfOkta",
        "Przybylska-Nowak",
        "left for family reasons",
        "private-note",
        "Quintero",
    }
)


def person(story: str, **more: Fact) -> dict[str, Fact]:
    """All that a source knows of somebody."""
    number = list(NAMES).index(story)
    name = NAMES[story]
    known: dict[str, Fact] = {
        "userName": f"{name.split()[0].lower()}@acme.example",
        "displayName": name,
        "active": True,
        "job": "Agent",
        "mail": f"{name.split()[0].lower()}@acme.example",
        "phone": f"+49301234{number}",
        "number": 88_000_111_000 + number,
        "department": "Support",
        "queues": "Chat, Voice:4",
        "badge": "Trainer",
        "boss": OTHER,
        "note": ["private-note", 7, None],
    }
    return known | more


def told(log: Log) -> Log:
    """The stories, one after the other."""
    simple(log)
    moved(log)
    dated(log)
    passed_over(log)
    leaver(log)
    again(log)
    log.bring(NEWER, OPERATOR, f"{OPERATOR} wants Billing")
    for user in USERS.values():
        newest = log.newest(user)
        log.tell(user, newest.seq, "delivered" if newest.operations else "no-op")
    log.say(USERS["simple"], {"department": "Billing"}, reason="transfer of Zofia Przybylska")
    return log


def simple(log: Log) -> None:
    user = USERS["simple"]
    first = log.say(user, person("simple"), kind="snapshot", reason="hire")
    log.tell(
        user,
        first,
        "delivered",
        requests=[log.request("POST", "/Users", person("simple"), 201)],
        acknowledged=log.clock,
    )
    second = log.say(user, {"department": "Spanish Support", "displayName": "Zofia Przybylska-Nowak"})
    path = f"/Users?filter=userName eq {person('simple')['userName']}"
    log.tell(
        user,
        second,
        "retry",
        final=False,
        reason="503 Zofia Przybylska is busy",
        requests=[log.request("GET", path, None, 503)],
    )
    log.tell(user, second, "delivered", acknowledged=log.clock)


def leaver(log: Log) -> None:
    """Held by the guard, released by an operator, refused once, and gone."""
    user = USERS["leaver"]
    log.tell(user, log.say(user, person("leaver"), kind="snapshot"), "delivered")
    seq = log.say(user, {"active": False}, reason="left for family reasons")
    log.tell(user, seq, "retry", final=False, reason="no answer ClientOSError", operations=[])
    guard = "mass guard: 3 users of one cause and 1 others in 600 s, threshold 5"
    log.tell(user, seq, "held", reason=guard, operations=[])
    control = Control(
        f"release-{user}-{seq}-{log.clock}", "release", user, seq, OPERATOR, "Quintero has left", Millis(log.clock)
    )
    origin = log.order(control)
    cause = log.by_order(control, origin)
    log.tell(user, seq, "conflict", final=False, effect="unchanged", cause=cause, operations=[])
    more = {"acknowledged": log.clock, "read_back": log.clock + 80, "sessions_ended": log.clock + 90}
    log.tell(user, seq, "revoked", final=False, effect="unchanged", cause=cause, **more)
    waited = Cause("streamproc", "retry", Origin("scim.operations", 0, -1, Millis(log.clock)))
    log.tell(user, seq, "no-op", final=False, effect="unchanged", cause=waited, operations=[])


def moved(log: Log) -> None:
    """An account that an operator links to another user, with all that it has said."""
    user, account = USERS["moved"], "00uSubjectOfOkta"
    log.tell(user, log.say(user, person("moved"), kind="snapshot"), "delivered")
    said: dict[str, Fact] = {"active": True, "job": "Guest", "mail": "ingeborg@acme.example"}
    log.tell(OTHER, log.say(OTHER, said, source="okta", subject=account), "parked", reason="incomplete: userName")
    (logged,) = [each for each in log.records if each.topic == CHANGES and each.key == OTHER.encode()]
    facts, _ = absorb(None, CHANGE_EVENT.validate_json(logged.value or b""), None)
    order = Control(
        f"link-okta/{account}-1",
        "link",
        user,
        None,
        OPERATOR,
        "asked Ingeborg Thorvaldsen",
        Millis(log.clock),
        f"okta/{account}",
    )
    log.order(order)
    origin = Origin("events.okta", 0, 900, Millis(log.clock))
    moves: list[tuple[Literal["unlink", "link"], str, str]] = [("unlink", OTHER, user), ("link", user, OTHER)]
    for kind, who, other in moves:
        move = Move(other, OPERATOR, facts if kind == "link" else None)
        name = f"{kind}/events.okta/0/900"
        event = ChangeEvent(
            who,
            "okta",
            account,
            name,
            kind,
            (Micros(log.clock * 1000), 0, name),
            {},
            origin,
            order.reason,
            move=move,
        )
        log.tell(who, log.put(event), "no-op")
    seq = log.say(user, {"active": True, "job": "Lead"}, source="okta", subject=account)
    log.tell(user, seq, "no-op", operations=[])


def dated(log: Log) -> None:
    """Rows with dates: one that comes, and one that is taken back."""
    user = USERS["dated"]
    log.tell(user, log.say(user, person("dated"), kind="snapshot", source="workday"), "delivered")
    day = Effective(Micros(BEGAN * 1000 + 3_600_000_000), "2026-03-03", "Pacific/Honolulu")
    later = Effective(Micros(BEGAN * 1000 + 9_000_000_000), "2026-03-04", "Pacific/Honolulu")
    rows: list[tuple[str, dict[str, Fact], Effective]] = [
        ("rows/a", {"job": "Lead"}, day),
        ("rows/b", {"mail": "kekoa@acme.example", "active": False}, later),
    ]
    for row, said, effective in rows:
        log.tell(user, log.say(user, said, source="workday", row=row, effective=effective), "no-op", operations=[])
    log.clock = BEGAN + 3_700_000
    record = log.newest(user)
    seq = log.put(passed(record, Origin(CHANGES, 0, record.seq, Millis(log.clock))))
    log.tell(user, seq, "delivered")
    seq = log.say(user, {}, source="workday", cancels="rows/b", time=3800)
    log.tell(user, seq, "no-op", operations=[])


def passed_over(log: Log) -> None:
    """Changes that others passed over, in the lanes and by compaction."""
    user = USERS["passed"]
    seqs = [log.say(user, person("passed", queues=f"Chat:{level}"), kind="snapshot") for level in range(1, 6)]
    log.tell(user, seqs[0], "superseded", operations=[])
    log.tell(user, seqs[2], "superseded", effect="unknown", cause=None, since=seqs[0], operations=[])
    log.tell(user, seqs[3], "superseded", operations=[])
    log.tell(user, seqs[4], "delivered")


def again(log: Log) -> None:
    """Left, and came back."""
    user = USERS["again"]
    log.tell(user, log.say(user, person("again"), kind="snapshot"), "delivered")
    log.tell(user, log.say(user, {"active": False}), "revoked", read_back=log.clock, acknowledged=log.clock)
    log.tell(user, log.say(user, {"active": True, "job": "Lead"}), "delivered")


STORIES = {
    "simple": simple,
    "leaver": leaver,
    "moved": moved,
    "dated": dated,
    "passed": passed_over,
    "again": again,
}
