"""Claims: accounts and rows that write somebody else's number, through all that lies between a record and the target.

Each input is a person and a claimant of the same source, and what both say and do, in an order. Judged is what the
target shows, and every state that was ever to be there, by what the script says: the product isn't asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import orjson

from streamproc.core.records.topic_names import CONTROLS, OPERATIONS
from tests.attack.part import Found, Part
from tests.field.pipeline import Ran, play

TOGETHER: Final = 20
"""Inputs of one run of the pipeline."""
BEGIN: Final = 1_795_900_000
"""s since 1970, of the first word; each later one is a minute after."""
SOURCES: Final = ("okta", "pingone", "set", "entra", "debezium", "hris")
WAYS: Final = ("comes", "moves", "late number", "spelled", "disabled", "dated", "crowd", "silent")
"""How the claimant gets the number."""
ENDS: Final = ("stays", "disabled", "deleted", "on leave", "moved")
"""What becomes of the person meanwhile."""
DOING: Final = ("login", "disable", "enable", "leave", "return", "title")
"""What the claimant does besides."""
SUCCESSIONS: Final = ("deleted, then made anew", "confirmed", "split off, then linked")
"""What must go on working: whoever rightly follows gets in."""


@dataclass
class Script:
    """One input."""

    number: int
    source: str
    way: str
    end: str
    records: list[dict[str, Any]] = field(default_factory=list)
    minute: int = 0
    person_in: bool = True
    """Whether the person is to have access at the end."""
    logins: set[str] = field(default_factory=set)
    """Those that their account may have."""

    @property
    def user(self) -> str:
        return f"E{7000 + self.number}"

    def subject(self, who: str) -> str:
        return f"{who}{self.number}"

    def say(self, who: str, user: str | None, *, active: bool | None = True, login: str = "", **more: Any) -> None:
        """A source's word on one of the two."""
        self.minute += 1
        at = BEGIN + self.number * 3600 + self.minute * 60
        login = login or f"{self.subject(who)}@example.com"
        subject, value = SHAPES[self.source](self.subject(who), user, active, login, at, more)
        self.records.append({"topic": f"events.{self.source}", "key": subject, "value": value})

    def order(self, action: str, who: str) -> None:
        """An operator's."""
        subject = self.subject(who)
        if self.source == "set":
            subject = f"https://login.example.org#{subject}"
        value = {
            "id": f"{action}-{self.number}-{self.minute}",
            "action": action,
            "user": self.user if action == "link" else None,
            "since": None,
            "by": "kim",
            "reason": "asked HR",
            "at": (BEGIN + self.number * 3600) * 1000,
            "subject": f"{self.source}/{subject}",
        }
        self.records.append({"topic": CONTROLS, "key": subject, "value": value})


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _okta(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    status = {True: "ACTIVE", False: "SUSPENDED", None: "FROM_TOMORROW"}[active]
    profile = {
        "login": login,
        "firstName": "T",
        "lastName": subject,
        "employeeNumber": user,
        "title": more.get("title"),
    }
    made = _moment(more.get("made", BEGIN - 9_000_000))
    value = {"id": subject, "status": status, "created": made, "lastUpdated": _moment(at), "profile": profile}
    return subject, value | {"_embedded": {"groups": []}}


def _pingone(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    value: dict[str, Any] = {"id": subject, "enabled": active, "employeeNumber": user, "username": login}
    value |= {"email": login, "name": {"formatted": subject}, "title": more.get("title"), "updatedAt": _moment(at)}
    return subject, value | {"createdAt": _moment(more.get("made", BEGIN - 9_000_000))}


def _entra(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    value: dict[str, Any] = {"id": subject, "accountEnabled": active, "employeeId": user, "userPrincipalName": login}
    made = _moment(more.get("made", BEGIN - 9_000_000))
    return subject, value | {"displayName": subject, "jobTitle": more.get("title"), "createdDateTime": made, "n": at}


def _set(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    data: dict[str, Any] = {"userName": login, "displayName": subject, "title": more.get("title")}
    data |= {} if active is None else {"active": active}
    data["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = {"employeeNumber": user}
    event = {"urn:ietf:params:scim:event:prov:put:full": {"data": data}}
    token = {"iss": "https://login.example.org", "iat": at, "jti": f"{subject}-{at}", "events": event}
    return f"https://login.example.org#{subject}", token | {"sub_id": {"format": "scim", "uri": f"/Users/{subject}"}}


def _debezium(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    row: dict[str, Any] = {"employee_id": subject, "employee_number": user, "work_email": login, "full_name": subject}
    row |= {} if active is None else {"is_active": active}
    row |= {"job_title": more["title"]} if "title" in more else {}
    where = {"ts_ms": at * 1000, "snapshot": "false", "name": "people", "connector": "postgresql", "lsn": at}
    return subject, {"before": None, "op": "u", "ts_ms": at * 1000, "source": where, "after": row}


def _hris(subject: str, user: str | None, active: bool | None, login: str, at: int, more: dict[str, Any]) -> Any:
    fields: dict[str, Any] = {"Employee #": user, "Work Email": login, "Display Name": subject}
    fields |= {} if active is None else {"Status": "Active" if active else "Inactive"}
    fields |= {"Job Title": more["title"]} if "title" in more else {}
    moment = _moment(at).replace("Z", "+0000")
    person = {"id": subject, "action": "Updated", "timestamp": moment, "changedFields": [*fields], "fields": fields}
    return subject, {"employees": [person]}


SHAPES: Final = {
    "okta": _okta, "pingone": _pingone, "entra": _entra, "set": _set, "debezium": _debezium, "hris": _hris,
}  # fmt: skip


def _claim(script: Script, random: Random) -> None:
    """The claimant gets the person's number."""
    match script.way:
        case "comes":
            script.say("b", script.user)
        case "moves":
            script.say("b", f"W{script.number}")
            script.say("b", script.user)
        case "late number":
            script.say("b", None)
            script.say("b", None, active=False)
            script.say("b", script.user)
        case "spelled":
            script.say("b", random.choice((f"\ufeff{script.user}", f" {script.user}\u200b", f"'{script.user}")))
        case "disabled":
            script.say("b", f"W{script.number}")
            script.say("b", f"W{script.number}", active=False)
            script.say("b", script.user, active=False)
        case "dated":  # as if it had always been so
            script.say("b", script.user, made=BEGIN - 99_000_000)
        case "crowd":
            for each in range(40):
                script.say(f"c{each}x", script.user)
            script.say("b", script.user)
        case _:  # nothing is said of whether it is active
            script.say("b", script.user, active=None)
            script.say("b", script.user)


def _act(script: Script, doing: str) -> None:
    """What the claimant does."""
    match doing:
        case "login":
            script.say("b", script.user, login=f"boss{script.number}.{script.minute}@example.com")
        case "disable":
            script.say("b", script.user, active=False)
        case "leave":
            script.say("b", f"X{script.number}")
        case "title":
            script.say("b", script.user, title="Boss")
        case _:
            script.say("b", script.user)


def _end(script: Script, random: Random) -> None:
    """What becomes of the person."""
    match script.end:
        case "disabled" | "deleted":
            script.say("a", script.user, active=False)
            script.person_in = False
        case "on leave":  # the claimant acts meanwhile
            script.say("a", script.user, active=False)
            _act(script, "enable")
            if random.random() < 0.5:
                _act(script, "disable")
            script.say("a", script.user)
        case "moved":
            script.say("a", f"M{script.number}")
            script.person_in = False
        case _:
            pass


def scripts(random: Random, inputs: int) -> Iterator[Script]:
    """All ways with all ends in all sources come first, in an order that has a bit of each at the beginning."""
    every = [(source, way, end) for source in SOURCES for way in WAYS for end in ENDS]
    random.shuffle(every)
    for number in range(inputs):
        source, way, end = every[number % len(every)]
        script = Script(number, source, way, end, logins={f"a{number}@example.com"})
        script.say("a", script.user)
        first = random.random() < 0.3 and end != "on leave"
        if first and end in {"disabled", "deleted"} and way not in {"disabled", "silent"}:
            first = False  # who comes after a leaver succeeds: those are below
        _claim(script, random)
        for doing in random.sample(DOING, random.randrange(4)):
            _act(script, doing)
        _end(script, random)
        for doing in random.sample(DOING, random.randrange(4)):
            _act(script, doing)
        yield script


def successions(random: Random, inputs: int) -> Iterator[Script]:
    """Whoever rightly follows."""
    for number in range(10_000, 10_000 + inputs):
        source = SOURCES[number % len(SOURCES)]
        script = Script(number % 1000 + 500, source, "follows", SUCCESSIONS[number % len(SUCCESSIONS)])
        script.logins = {f"{who}{script.number}@example.com" for who in "ab"}
        script.say("a", script.user)
        if script.end == "confirmed":
            script.say("b", script.user)
            script.order("link", "b")
            _act(script, "title")
        elif script.end == "split off, then linked":
            script.say("b", script.user)
            script.say("a", script.user, active=False)
            script.order("split", "a")
            script.order("link", "b")
        else:
            script.say("a", script.user, active=False)
            script.order("split", "a")
            script.say("b", script.user, made=BEGIN + script.number * 3600)
        yield script


def _judged(found: Found, script: Script, ran: Ran) -> None:
    """What the target shows, and what was ever to be there."""
    who = f"{script.source}, {script.way}, {script.end} (input {script.number})"
    accounts = [each for each in ran.accounts if each.get("externalId") == script.user]
    if len(accounts) != 1:
        found.harmed("without_fate", f"{who}: {len(accounts)} accounts")
        return
    (account,) = accounts
    states = [
        orjson.loads(value or b"")["desired"]
        for key, value in ran.appended.get(OPERATIONS, ())
        if key == script.user.encode()
    ]
    strange = {str(each["userName"]) for each in (account, *states) if each.get("userName")} - script.logins
    if strange:
        found.harmed("wrong_account", f"{who}: the account's login was to be {min(strange)}")
    if script.way == "follows" and not account["active"]:
        found.harmed("wrong_account", f"{who}: who follows has no access")
    elif script.person_in and not account["active"]:
        found.harmed("wrong_account", f"{who}: the person has lost access")
    elif not script.person_in and account["active"]:
        found.harmed("kept_in", f"{who}: the person has left")
    out = False
    for state in states if script.way != "follows" and not script.person_in else ():
        out, before = state.get("active") is False, out
        if before and not out:
            found.harmed("let_in", f"{who}: by what the claimant says")
    told = any(code == "ambiguous" and (subject or "").endswith(f"b{script.number}") for code, subject, _ in ran.told())
    crowded = script.way == "crowd" and any(code == "ambiguous" for code, _, _ in ran.told())
    if script.way != "follows" and not told and not crowded:
        found.harmed("without_fate", f"{who}: nobody is told of the claim")


def attack(random: Random, inputs: int) -> Found:
    """Tries so many claims, and one succession for each ten."""
    found = Found()
    every = [*scripts(random, inputs - inputs // 10), *successions(random, inputs // 10)]
    for begin in range(0, len(every), TOGETHER):
        batch = every[begin : begin + TOGETHER]
        records = [record for script in batch for record in script.records]
        ran = play(records, pause=0.05, guard_count=10_000, guard_day_count=10_000)
        for script in batch:
            found.tried += 1
            _judged(found, script, ran)
    return found


PARTS = (Part("claims", whole=500, short=20, attack=attack),)
