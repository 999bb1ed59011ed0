"""Who is ours by a group, or by assignment to the application: the whole way, and what directories answer."""

from typing import Any, Final

import orjson

from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.directories.okta import Okta
from streamproc.hydrator.directories.pingone import PingOne
from streamproc.sources import SOURCES
from tests.field.case import Case
from tests.field.pipeline import Ran, play
from tests.field.pipelines import hris, joins
from tests.field.says import NOW
from tests.support.answering import Answering, done

WHO: Final = "33333333-3333-4333-8333-333333333333"
APP: Final = "44444444-4444-4444-8444-444444444444"
SETTINGS: Final = "".join(f'[{source}]\napplication = "{APP}"\n' for source in ("okta", "entra", "pingone"))
OPTIONS: Final = {name: each.defaults.model_copy(update={"application": APP}) for name, each in SOURCES.items()}
BY_ASSIGNMENT: Final = """
[scope]
who = 'assigned == "yes"'
[[rule]]
when = { assigned = "yes" }
roles = ["Agent"]
"""
BY_GROUP: Final = "[scope]\nwho = \"inGroup('Genesys Users')\"\n"
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "okta": {
        "status": "ACTIVE",
        "profile": {"login": "p@example.com", "displayName": "Test Person", "employeeNumber": "F300"},
    },
    "entra": {
        "accountEnabled": True,
        "userPrincipalName": "p@example.com",
        "displayName": "Test Person",
        "employeeId": "F300",
    },
    "pingone": {
        "enabled": True,
        "username": "p@example.com",
        "name": {"formatted": "Test Person"},
        "employeeNumber": "F300",
    },
}
LEFT: Final[dict[str, dict[str, Any]]] = {
    "okta": {"status": "DEPROVISIONED"},
    "entra": {"accountEnabled": False},
    "pingone": {"enabled": False},
}
TOPICS: Final = {"okta": "events.okta", "entra": "intake.entra", "pingone": "events.pingone"}


def _fetched(source: str, minute: int, assigned: bool | None, *groups: str, **changes: Any) -> dict[str, Any]:
    """A fetched user, as the hydrator writes them; None: nothing was answered about the application."""
    user = {"id": WHO, **PEOPLE[source], **changes}
    match source:
        case "okta":
            user["_embedded"] = {"groups": [{"id": name, "profile": {"name": name}} for name in groups]}
        case "entra":
            kind = "#microsoft.graph.group"
            user["memberOf"] = [{"@odata.type": kind, "id": name, "displayName": name} for name in groups]
        case _:
            user["memberOfGroupNames"] = list(groups)
    if assigned is not None:
        user["_assignment"] = {"application": APP, "assigned": assigned}
    read = str((NOW - (60 - minute) * 60_000) * 1000)
    headers = {"streamproc-kind": "snapshot", "streamproc-read": read, "streamproc-subject": WHO}
    return {"topic": TOPICS[source], "key": WHO, "headers": headers, "value": user}


def _played(mapping: str, *records: dict[str, Any]) -> Ran:
    return play(list(records), settings=SETTINGS, mapping=mapping)


def _whoever_isnt_assigned_is_never_named() -> None:
    for source in PEOPLE:
        out = _fetched(source, 3, None, **LEFT[source])
        ran = _played(BY_ASSIGNMENT, _fetched(source, 1, None), _fetched(source, 2, assigned=False), out)
        assert (ran.active("F300"), ran.requests) == (None, []), source


def _assigned_and_no_more() -> None:
    for source in PEOPLE:
        first = [_fetched(source, 1, assigned=False), _fetched(source, 2, assigned=True)]
        ran = _played(BY_ASSIGNMENT, *first)
        assert ran.active("F300") is True, source
        assert "Agent" in {each["value"] for each in ran.account("F300")["roles"]}, "a rule's `when` reads it, too"
        assert _played(BY_ASSIGNMENT, *first, _fetched(source, 3, assigned=False)).active("F300") is False, source


def _look_up_that_failed_takes_nothing_and_gives_nothing() -> None:
    for source in PEOPLE:
        kept = _played(BY_ASSIGNMENT, _fetched(source, 1, assigned=True), _fetched(source, 2, None))
        assert kept.active("F300") is True, source
        assert ("not_understood", WHO, "assigned") in kept.told(), source
        out = [_fetched(source, minute, assigned) for minute, assigned in enumerate([True, False, None], 1)]
        assert _played(BY_ASSIGNMENT, *out).active("F300") is False, source


def _group_left_is_scope_left() -> None:
    for source in PEOPLE:
        joins = _fetched(source, 1, None, "Genesys Users", "Others")
        assert _played(BY_GROUP, joins).active("F300") is True, source
        assert _played(BY_GROUP, joins, _fetched(source, 2, None, "Others")).active("F300") is False, source
        assert _played(BY_GROUP, _fetched(source, 1, None, "Others")).active("F300") is None, source


def _groups_that_may_not_be_read_any_more() -> None:
    group = {"@odata.type": "#microsoft.graph.group", "id": "g", "displayName": None}
    hidden = _fetched("entra", 2, None)
    hidden["value"]["memberOf"] = [group]
    ran = _played(BY_GROUP, _fetched("entra", 1, None, "Genesys Users"), hidden)
    assert ran.active("F300") is True, "Graph shows groups without names where the right is gone"
    assert ("not_understood", WHO, "groups") in ran.told()


def _okta_unassigns_in_its_log() -> None:
    target = [{"id": "0ua1", "type": "AppUser"}, {"id": APP, "type": "AppInstance"}, {"id": WHO, "type": "User"}]
    event = {"uuid": "u1", "published": "2026-11-30T00:00:00.000Z", "target": target}
    removed = event | {"eventType": "application.user_membership.remove"}
    record = {"topic": "events.okta", "key": WHO, "value": removed}
    assert _played(BY_ASSIGNMENT, _fetched("okta", 1, assigned=True), record).active("F300") is False
    other = [each | ({"id": "0oaother"} if each["type"] == "AppInstance" else {}) for each in target]
    record = {"topic": "events.okta", "key": WHO, "value": removed | {"target": other}}
    assert _played(BY_ASSIGNMENT, _fetched("okta", 1, assigned=True), record).active("F300") is True


def _hr_and_a_provider() -> None:
    for source in PEOPLE:
        hired = [joins("F300"), hris("F300", 1, department="Care")]
        assert _played(BY_ASSIGNMENT, *hired).requests == [], "HR knows nothing of it, so nobody is named"
        told = [
            *hired,
            _fetched(source, 1, assigned=True),
            hris("F300", 2, "snapshot", active=True, userName="f@x.com"),
        ]
        assert _played(BY_ASSIGNMENT, *told).active("F300") is True, f"{source}: HR's silence takes nothing away"
        assert _played(BY_ASSIGNMENT, *told, _fetched(source, 3, assigned=False)).active("F300") is False, source
        out = hris("F300", 3, active=False)
        assert _played(BY_ASSIGNMENT, *told, out).active("F300") is False, f"{source}: assigned, and has left"


def _answers(about: Any, status: int = 200) -> dict[str, Any]:
    """What each client reads of an active user, where questions about the application are answered so."""
    read = {}
    for name, client in (
        ("okta", lambda api: Okta(api, OPTIONS["okta"])),
        ("entra", lambda api: Graph(api, OPTIONS["entra"])),
        ("pingone", lambda api: PingOne(api, "env", OPTIONS["pingone"])),
    ):
        user = {"id": WHO, **PEOPLE[name], "memberOfGroupNames": [], "memberOfGroupIDs": ["g1"]}
        user["_assignment"] = {"application": APP, "assigned": True}  # as who may make attributes could have it

        def answers(url: str, user: Any = user) -> tuple[int, Any, str]:
            if any(part in url for part in ("/apps/", "/servicePrincipals/", "/applications/")):
                return status, about, ""
            return 200, [] if url.endswith("/groups") else {"value": []} if "memberOf?" in url + "?" else user, ""

        answer = done(client(Answering(answers)).read(WHO))
        assert answer.status == "found"
        read[name] = orjson.loads(answer.body).get("_assignment")
        assert (read[name] is None) is bool(answer.missed), "what is missing is told"
    return read


def _application_that_isnt_there() -> None:
    for words in ({"errorCode": "E0000007"}, {"error": {"code": "Request_ResourceNotFound"}}, {"code": "NOT_FOUND"}):
        assert set(_answers(words, 404).values()) == {None}


def _application_that_may_not_be_read() -> None:
    for status in (400, 401, 403, 429, 500, 503):
        assert set(_answers({}, status).values()) == {None}


def _answers_of_another_shape() -> None:
    strange: list[Any] = [{}, [], None, "yes", {"id": WHO}, {"id": "other", "status": "ACTIVE"}, {"value": 5}]
    for about in strange:
        assert set(_answers(about).values()) == {None}, about
    assert _answers({"value": [{"principalId": None, "principalType": "User"}]})["entra"] is None
    assert _answers({"id": WHO, "status": "PENDING"})["okta"] is None
    opened = {"id": APP, "accessControl": {"role": {"type": "ADMIN_USERS_ONLY"}}}
    assert _answers(opened)["pingone"] is None, "open to everybody assigns nobody, and takes nobody out"


CASES: Final = (
    Case("K2", "assignment-of-whom-is-never-named", _whoever_isnt_assigned_is_never_named),
    Case("K2", "assignment-given-and-taken", _assigned_and_no_more),
    Case("K2", "assignment-look-up-that-failed", _look_up_that_failed_takes_nothing_and_gives_nothing),
    Case("K2", "assignment-by-a-group-that-is-left", _group_left_is_scope_left),
    Case("K2", "assignment-by-groups-that-may-not-be-read", _groups_that_may_not_be_read_any_more),
    Case("K2", "assignment-in-oktas-log", _okta_unassigns_in_its_log),
    Case("K2", "assignment-beside-hr", _hr_and_a_provider),
    Case("K6", "assignment-to-an-application-that-isnt-there", _application_that_isnt_there),
    Case("K6", "assignment-to-an-application-that-may-not-be-read", _application_that_may_not_be_read),
    Case("K6", "assignment-answered-in-another-shape", _answers_of_another_shape),
)
