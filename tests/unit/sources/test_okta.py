"""Source `okta`: what each documented payload becomes."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.okta import DEFAULTS, elements, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "okta"
ANA = "00uana0000000000001"
BEN = "00uben0000000000002"
PUBLISHED = 1_772_442_005_120_000  # 2026-03-02T09:00:05.120Z
TAKEN = Receipt(received=Micros(PUBLISHED + 2_000_000))


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def event(kind: str, **changes: Any) -> dict[str, Any]:
    """One log event about Ana; `...` leaves a field out."""
    whole = {
        "uuid": "u-1",
        "published": "2026-03-02T09:00:05.120Z",
        "eventType": kind,
        "outcome": {"result": "SUCCESS", "reason": None},
        "target": [
            {"id": "00gspa1", "type": "UserGroup", "alternateId": "unknown", "displayName": " Spanish Agents "},
            {"id": ANA, "type": "User", "alternateId": "ana.ruiz@example.com", "displayName": "Ana Ruiz"},
        ],
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def user(**changes: Any) -> dict[str, Any]:
    """Ana as the Users API has her; `profile` is merged, `...` leaves a field out."""
    whole = fixture("user")
    profile = whole["profile"] | changes.pop("profile", {})
    whole |= {"profile": {name: value for name, value in profile.items() if value is not ...}} | changes
    return {name: value for name, value in whole.items() if value is not ...}


def one_said(payload: Any, taken: Receipt = TAKEN, **options: Any) -> SourceEvent:
    """The one thing that a payload says, and nothing beside it."""
    parsed = read(payload, taken, DEFAULTS.model_copy(update=options))
    assert (parsed.notifications, parsed.ignored) == ((), ())
    (said,) = parsed.events
    return said


@pytest.mark.parametrize(
    ("kind", "active"),
    [
        ("user.lifecycle.suspend", False),
        ("user.lifecycle.unsuspend", True),
        ("user.lifecycle.deactivate", False),
        ("user.lifecycle.delete.initiated", False),
        ("user.lifecycle.delete.completed", False),
    ],
)
def test_a_status_acts_at_once(kind: str, active: bool) -> None:
    """What says by itself who may sign in is a change of `active` and of nothing else; nobody has to be fetched."""
    assert one_said(event(kind)) == SourceEvent(
        subject=ANA,
        event="u-1",
        kind="change",
        order=(Micros(PUBLISHED), int(not active), "u-1"),
        attributes={"active": active, **({"gone": True} if kind.endswith("delete.completed") else {})},
        reason=kind,
    )


@pytest.mark.parametrize(
    "kind",
    [
        "user.lifecycle.create",
        "user.lifecycle.activate",
        "user.lifecycle.reactivate",
        "user.account.update_profile",
        "user.account.update_primary_email",
        "user.account.update_user_type",
    ],
)
def test_what_carries_no_values_has_to_be_fetched(kind: str) -> None:
    """An event that says only that something changed is a notice, no older than its own time."""
    assert read(event(kind), TAKEN) == ParsedPayload(notifications=(FetchRequest(ANA, "u-1", Micros(PUBLISHED), kind),))


@pytest.mark.parametrize(("word", "name"), [("add", "Spanish Agents"), ("remove", None)])
def test_a_membership_is_a_fact_of_its_own(word: str, name: str | None) -> None:
    """The group's name comes from the target of its type, wherever it stands; a removal clears that one fact."""
    said = one_said(event(f"group.user_membership.{word}"))
    assert said.subject == ANA
    assert said.attributes == {"group:Spanish Agents": name}


@pytest.mark.parametrize(
    ("payload", "code", "subject"),
    [
        (event("user.account.lock"), "type", ANA),
        (event("user.account.unlock"), "type", ANA),
        (event("user.account.unlock_by_admin"), "type", ANA),
        (event("user.account.reset_password"), "type", ANA),
        (event("user.session.end"), "type", ANA),
        (event("application.user_membership.remove"), "type", ANA),
        (event("user.lifecycle.deactivate", outcome={"result": "FAILURE"}), "failed", ANA),
        (event("user.lifecycle.unsuspend", outcome={"result": "skipped"}), "failed", ANA),
        (event("group.profile.update"), "group", None),
        (event("group.lifecycle.delete", target=None), "group", None),
        (event("user.lifecycle.deactivate", target=None), "incomplete", None),
        (event("user.lifecycle.deactivate", target=[{"type": "User"}]), "incomplete", None),
        (event("user.lifecycle.deactivate", target=[{"type": "AppUser", "id": "0ua1"}]), "incomplete", None),
        (
            event("user.lifecycle.deactivate", target=[{"type": "User", "id": ANA}, {"type": "User", "id": BEN}]),
            "incomplete",
            None,
        ),
        (event("group.user_membership.add", target=[{"type": "User", "id": ANA}]), "incomplete", ANA),
        (user(status=None), "incomplete", ANA),
        (user(id=...), "incomplete", None),
        ({"id": "00g1", "profile": {"name": "Spanish Agents", "description": None}}, "not_understood", None),
        ({"id": "0oa1", "status": "ACTIVE", "label": "An application"}, "not_understood", None),
        ({"verification": "challenge"}, "not_understood", None),
        ("user.lifecycle.deactivate", "not_understood", None),
        (None, "not_understood", None),
    ],
)
def test_what_means_nothing_here_says_why(payload: Any, code: str, subject: str | None) -> None:
    """Sign-in matters, failures, whole groups, test deliveries and what isn't Okta's change nobody."""
    parsed = read(payload, TAKEN)
    (ignored,) = parsed.ignored
    assert (parsed.events, parsed.notifications) == ((), ())
    assert (ignored.code, ignored.subject) == (code, subject)
    assert ignored.reason


@pytest.mark.parametrize("result", ["UNKNOWN", "DEFERRED", "SCHEDULED", "a new word"])
def test_an_unclear_outcome_is_looked_up(result: str) -> None:
    """Where it can't be told whether it happened nothing is changed, but the user is fetched before others."""
    for kind in ("user.lifecycle.deactivate", "user.lifecycle.unsuspend"):
        parsed = read(event(kind, outcome={"result": result}), TAKEN)
        assert parsed == ParsedPayload(notifications=(FetchRequest(ANA, "u-1", Micros(PUBLISHED), kind, urgent=True),))


def test_what_didnt_happen_changes_nothing() -> None:
    """Every outcome that says so is a failure, for those who leave as for those who return."""
    for result in ("FAILURE", "SKIPPED", "DENY", "CHALLENGE", "RATE_LIMIT", "ABANDONED", "UNANSWERED"):
        for kind in ("user.lifecycle.deactivate", "user.account.update_profile", "group.user_membership.add"):
            assert [each.code for each in read(event(kind, outcome={"result": result}), TAKEN).ignored] == ["failed"]


def test_an_outcome_left_out_is_no_failure() -> None:
    """A missing outcome doesn't hold up a leaver, and its spelling doesn't matter."""
    for outcome in (..., None, {}, {"result": "Success"}):
        assert one_said(event("user.lifecycle.deactivate", outcome=outcome)).attributes == {"active": False}


def test_a_lock_out_can_be_configured_to_count() -> None:
    """Where LOCKED_OUT doesn't count as active, locking and unlocking have to be looked at, ahead of others."""
    strict = DEFAULTS.model_copy(update={"active": ("PROVISIONED", "ACTIVE")})
    for kind in ("user.account.lock", "user.account.unlock", "user.account.reset_password"):
        assert read(event(kind), TAKEN, strict).notifications == (
            FetchRequest(ANA, "u-1", Micros(PUBLISHED), kind, urgent=True),
        )
    lenient = DEFAULTS.model_copy(update={"active": ("ACTIVE", "SUSPENDED")})
    assert [each.code for each in read(event("user.lifecycle.suspend"), TAKEN, lenient).ignored] == ["type"]


def test_the_same_event_counts_once_however_it_comes() -> None:
    """From the hook at once or from a page of the log hours later: the same order, so the second is a duplicate."""
    by_hook = one_said(event("user.lifecycle.suspend"))
    by_log = one_said(
        [event("user.lifecycle.suspend")],
        Receipt(received=Micros(PUBLISHED + 10**10), read_at=Micros(PUBLISHED + 10**10)),
    )
    assert by_hook == by_log


def test_a_clock_ahead_makes_nothing_stale() -> None:
    """A time after the receipt, or none at all, counts as the receipt."""
    for published in ("2026-03-05T00:00:00Z", None, "yesterday", 7):
        assert one_said(event("user.lifecycle.suspend", published=published)).order[0] == TAKEN.received
        (notice,) = read(event("user.account.update_profile", published=published), TAKEN).notifications
        assert notice.at == TAKEN.received


def test_in_one_millisecond_what_takes_away_wins() -> None:
    """Of two events of the same time the disabling one is the later, whatever their ids."""
    disabled = one_said(event("user.lifecycle.suspend", uuid="a"))
    assert disabled.order > one_said(event("user.lifecycle.unsuspend", uuid="z")).order
    assert disabled.order > one_said(user(), Receipt(received=TAKEN.received, read_at=Micros(PUBLISHED))).order


def test_without_an_id_the_content_is_the_id() -> None:
    """Two deliveries of one event without `uuid` are told to be one, and two events aren't."""
    first, again, other = (
        one_said(event("user.lifecycle.suspend", uuid=..., severity=word)).event for word in ("INFO", "INFO", "WARN")
    )
    assert first == again != other
    assert first.startswith("sha256:")


def test_a_user_is_a_snapshot() -> None:
    """A user resource says every fact, the unset ones as None, and the customer's own attributes under their name."""
    said = one_said(user())
    assert said == SourceEvent(
        subject=ANA,
        event=said.event,
        kind="snapshot",
        order=(Micros(1_772_442_007_120_000), 0, said.event),  # lastUpdated lies after the receipt
        attributes={
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "email": "ana.ruiz@example.com",
            "mobile": None,
            "phone": "+13175550100",
            "job": "Senior Agent",
            "department": "Spanish Support",
            "division": "Support",
            "manager": "E0900",
            "employeeNumber": "E1001",
            "genesysQueue": "Spanish",
            "genesysLanguage": ["Spanish:4", "English"],
            "genesysRole": None,
            "began": 1_772_352_000_000_000,  # created
        },
        anchor="E1001",
    )
    bare = one_said(user(profile={name: ... for name in user()["profile"] if name != "login"}))
    assert set(bare.attributes) == {*DEFAULTS.attributes, "active", "began"}
    assert {name for name, value in bare.attributes.items() if value is not None} == {"userName", "active", "began"}
    assert bare.anchor is None


@pytest.mark.parametrize(
    ("status", "transitioning", "active"),
    [
        ("PROVISIONED", None, True),
        ("ACTIVE", None, True),
        ("RECOVERY", None, True),
        ("PASSWORD_EXPIRED", None, True),
        ("LOCKED_OUT", None, True),
        ("STAGED", None, False),
        ("SUSPENDED", None, False),
        ("DEPROVISIONED", None, False),
        ("ACTIVE", "DEPROVISIONED", False),
        ("STAGED", "ACTIVE", False),
        ("PROVISIONED", "ACTIVE", True),
    ],
)
def test_active_is_a_policy_over_statuses(status: str, transitioning: str | None, active: bool) -> None:
    """Active are the configured statuses; a deactivation that isn't through can't be undone by reading too early."""
    assert one_said(user(status=status, transitioningToStatus=transitioning)).attributes["active"] is active
    assert one_said(user(status="LOCKED_OUT"), active=("ACTIVE",)).attributes["active"] is False


@pytest.mark.parametrize("status", ["A_NEW_ONE", "Actve", 2, 0.5, ["ACTIVE"], {"value": "ACTIVE"}, "ACTIVE,SUSPENDED"])
def test_a_status_that_isnt_known_changes_nothing(status: Any) -> None:
    """A word that Okta may add one day, a slip, a number or a structure: what was known stays, and it is told."""
    said = read(user(status=status), TAKEN)
    assert ("active" in said.events[0].attributes, said.events[0].kept) == (False, ("active",))
    assert [(part.code, part.subject, part.field) for part in said.ignored] == [("not_understood", ANA, "active")]
    assert one_said(user(status="DEPROVISIONED", transitioningToStatus=status)).attributes["active"] is False


def test_a_custom_attribute_cant_take_a_facts_name() -> None:
    """A profile's own attribute called like a fact or a membership gives nobody access."""
    said = one_said(user(status="SUSPENDED", profile={"active": True, "job": "Supervisor", "group:Admins": "Admins"}))
    assert said.attributes["active"] is False
    assert said.attributes["job"] == "Senior Agent"
    assert "group:Admins" not in said.attributes


def test_a_manager_is_an_id_before_a_name() -> None:
    """Both attributes are free text; the mapping asks for the manager's id, so that one comes first."""
    assert one_said(user()).attributes["manager"] == "E0900"
    assert one_said(user(profile={"managerId": None})).attributes["manager"] == "Mia Chen"


def test_a_display_name_is_put_together() -> None:
    """Without one, first and last name are it; an operator's other path comes first, and no path means no fact."""
    assert one_said(user(profile={"displayName": None})).attributes["displayName"] == "Ana Ruiz"
    assert one_said(user(profile={"displayName": "", "lastName": ...})).attributes["displayName"] == "Ana"
    assert one_said(user(), attributes={"displayName": "profile.title"}).attributes["displayName"] == "Senior Agent"
    assert "displayName" not in one_said(user(), attributes={"userName": "profile.login"}).attributes


def test_the_anchor_is_what_the_source_says_of_who_it_is() -> None:
    """The configured fact, as text, or the subject; an event without it has none, and a login never is one."""
    assert one_said(user(profile={"employeeNumber": 1001})).anchor == "1001"
    assert one_said(user(profile={"badge": "B7"}), anchor="badge").anchor == "B7"
    assert one_said(user(), anchor="subject").anchor == ANA
    assert one_said(event("user.lifecycle.suspend"), anchor="subject").anchor == ANA
    assert one_said(event("user.lifecycle.suspend")).anchor is None


def test_what_was_fetched_counts_from_when_it_was_read() -> None:
    """A fetched user is as old as the reading of it, whatever `lastUpdated`: group changes don't move that."""
    read_at = PUBLISHED + 500_000
    assert one_said(user(), Receipt(received=TAKEN.received, read_at=Micros(read_at))).order[0] == read_at
    early = one_said(user(lastUpdated="2026-03-02T09:00:05.120Z"))
    assert early.order[0] == PUBLISHED


def test_a_hook_holds_several_events() -> None:
    """The body of a POST is its events, in order: one disables, one has to be fetched, one adds to a group."""
    hook = fixture("hook")
    parsed = read(hook, TAKEN)
    assert elements(hook) == hook["data"]["events"]
    assert [(each.subject, each.attributes) for each in parsed.events] == [
        (ANA, {"active": False}),
        (BEN, {"group:Spanish Agents": "Spanish Agents"}),
    ]
    assert [notification.subject for notification in parsed.notifications] == [BEN]
    assert parsed.ignored == ()


def test_a_preview_delivery_is_incomplete() -> None:
    """What the preview button sends looks like a leaver without a name: it's told apart, and harms nobody."""
    assert read(fixture("preview"), TAKEN) == ParsedPayload(
        ignored=(Ignored("incomplete", "the targets don't name exactly one user"),)
    )


def test_pages_are_read_in_order() -> None:
    """A page of the log tells a whole life; a list of users tells each."""
    life = read(fixture("log"), Receipt(received=Micros(PUBLISHED + 10**12)))
    assert [each.attributes for each in life.events] == [
        {"group:Billing Agents": "Billing Agents"},
        {"group:Billing Agents": None},
        {"group:Spanish Agents": "Spanish Agents"},
        {"active": False},
        {"active": True},
        {"active": False},
        {"active": False},
        {"active": False, "gone": True},
    ]
    assert [notification.reason for notification in life.notifications] == [
        "user.lifecycle.create",
        "user.lifecycle.activate",
        "user.account.update_profile",
    ]
    users = read(fixture("users"), TAKEN).events
    assert [(each.subject, each.anchor, each.attributes["active"]) for each in users] == [
        (ANA, "E1001", True),
        (BEN, "1002", False),
    ]
    assert users[1].attributes["displayName"] == "Ben Okafor"


def test_an_empty_page_says_nothing() -> None:
    """A page or a hook without events isn't a mistake."""
    assert read([], TAKEN) == read({"data": {"events": []}}, TAKEN) == ParsedPayload()


def test_reasons_hold_no_values() -> None:
    """Nothing of a payload but its type is repeated in a reason."""
    everything = [fixture(name) for name in ("hook", "preview", "log", "users")]
    everything += [event("user.lifecycle.deactivate", target=[{"type": "User"}]), user(status=None)]
    parsed = read(everything, TAKEN)
    told = [each.reason or "" for each in parsed.events]
    told += [notification.reason for notification in parsed.notifications] + [each.reason for each in parsed.ignored]
    assert len(told) == len(elements(everything))
    assert not [word for word in ("Ana", "ana.", "Ben", "Spanish", "00u") if word in " ".join(told)]
