"""Numbers, addresses and ids among others at the stand-in for Genesys Cloud: what goes out, and how much of it."""

from dataclasses import replace
from typing import Any, cast

from msgspec.structs import replace as msgspec_replace

from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER
from streamproc.core.scim.elements import ElementForm
from tests.support.hostile_targets.driver import Driver
from tests.support.simulated_target import SimulatedTarget

WHO = Resource(externalId="E1", userName="ana@example.com", displayName="Ana", active=True)
BEN = {"schemas": [USER, GENESYS], "userName": "ben@example.com", "displayName": "Ben"}
TEAMS = Resource(externalIds={"microsoftteams": "ana@corp.example", "zoomphone": "77"})


def sink(form: ElementForm = "path", **options: Any) -> tuple[Driver, SimulatedTarget]:
    """The sink's decider at an empty organisation."""
    there = SimulatedTarget(**options)
    driver = Driver(cast("Any", there))
    driver.target.dialect = replace(driver.target.dialect, elements=form)
    return driver, there


def with_(*more: Resource) -> Resource:
    """Ana, with these attributes as well."""
    every: dict[str, Any] = {**WHO}
    for each in more:
        every |= each
    return cast("Resource", every)


def sent(there: SimulatedTarget, since: int = 0) -> list[str]:
    """The methods of the requests from one on."""
    return [asked.method for asked in there.asked[since:]]


def operations(there: SimulatedTarget) -> list[dict[str, Any]]:
    """Those of the last PATCH."""
    last = next(asked for asked in reversed(there.asked) if asked.method == "PATCH")
    return list((last.body or {})["Operations"])


def ana(there: SimulatedTarget) -> dict[str, Any]:
    """Her account."""
    return there.body(next(key for key, user in there.store.users.items() if user.attrs["userName"] == WHO["userName"]))


def test_whoever_joins_is_created_with_all_of_it() -> None:
    """One request makes the user with each number, the date of hire and each id; one number is the primary one."""
    driver, there = sink()
    numbers = Resource(phone="+13175550101;ext=42", phone2="+13175550102", mobile="+13175550103", homePhone=None)
    finish = driver.turn(with_(numbers, Resource(hired="2024-02-01"), TEAMS))
    assert sent(there) == ["GET", "GET", "POST"]
    assert finish.state.parked is None
    made = ana(there)
    assert made["phoneNumbers"] == [
        {"value": "tel:+13175550101;ext=42", "type": "work", "primary": True},
        {"value": "+13175550102", "type": "work2"},
        {"value": "+13175550103", "type": "mobile"},
    ]
    assert made[ENTERPRISE]["dateHire"] == "2024-02-01"
    assert made[GENESYS]["externalIds"][1:] == [
        {"authority": "microsoftteams", "value": "ana@corp.example"},
        {"authority": "zoomphone", "value": "77"},
    ]


def test_a_change_is_one_request_that_names_one_element() -> None:
    """Nothing is read before or after it, and the other numbers aren't in it."""
    driver, there = sink()
    before = with_(Resource(phone="+13175550101", mobile="+13175550103"), TEAMS)
    driver.turn(before)
    asked = len(there.asked)
    driver.turn({**before, "mobile": "+13175550199"})
    assert sent(there, asked) == ["PATCH"]
    assert operations(there) == [
        {"op": "replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+13175550199"}
    ]
    driver.turn({**before, "mobile": "+13175550199", "externalIds": {**TEAMS["externalIds"], "zoomphone": None}})
    assert operations(there) == [{"op": "remove", "path": f'{GENESYS}:externalIds[authority eq "zoomphone"]'}]
    assert sent(there, asked) == ["PATCH", "PATCH"]


def test_what_is_owned_since_now_is_read_once() -> None:
    """A mapping that owns one more number finds what others have put there: one read for each user, and no second."""
    driver, there = sink()
    driver.turn(with_(Resource(phone="+13175550101")))
    (key,) = there.store.users
    numbers = {"work": "+13175550101", "mobile": "+13175550777", "work2": "+13175550778"}
    there.by_hand(key, phoneNumbers=[{"type": kind, "value": value} for kind, value in numbers.items()])
    asked = len(there.asked)
    driver.turn(with_(Resource(phone="+13175550101", mobile=None, phone3=None)))
    assert sent(there, asked) == ["GET", "PATCH"]
    assert operations(there) == [{"op": "remove", "path": 'phoneNumbers[type eq "mobile"]'}]
    assert {each["type"] for each in ana(there)["phoneNumbers"]} == {"work", "work2"}
    asked = len(there.asked)
    driver.turn(with_(Resource(phone="+13175550101", mobile=None, phone3="+13175550109")))
    assert sent(there, asked) == ["PATCH"]


def test_what_is_not_owned_is_neither_kept_nor_looked_for() -> None:
    """A private number that others put there is in no record of ours, and its change costs nothing."""
    driver, there = sink()
    there.store.create_user(BEN | {"userName": WHO["userName"], "phoneNumbers": [{"type": "home", "value": "+491"}]})
    finish = driver.turn(with_(Resource(phone="+13175550101")))
    assert finish.state.held is not None
    assert "homePhone" not in finish.state.held
    assert "externalIds" not in finish.state.held
    assert "+491" not in str([outcome.requests for outcome in finish.outcomes])


def test_an_id_that_somebody_else_has_holds_nothing_else_up() -> None:
    """Of two ids the one that is free is written, and the other is set aside by its authority."""
    taken = {"externalIds": [{"authority": "microsoftteams", "value": "ana@corp.example"}]}
    driver, there = sink()
    there.store.create_user(BEN | {GENESYS: taken})
    driver.turn(WHO)
    finish = driver.turn(with_(TEAMS, Resource(title="Agent")))
    assert finish.state.parked is not None
    assert finish.state.parked.attributes.keys() == {"externalIds microsoftteams"}
    assert (ana(there)["title"], ana(there)[GENESYS]["externalIds"][1:]) == (
        "Agent",
        [{"authority": "zoomphone", "value": "77"}],
    )


def test_whoever_joins_with_a_taken_id_is_created_without_it() -> None:
    """The create is refused as if the userName were taken; nobody has that, so the ids are tried one by one."""
    driver, there = sink()
    there.store.create_user(
        BEN | {GENESYS: {"externalIds": [{"authority": "microsoftteams", "value": "ana@corp.example"}]}}
    )
    finish = driver.turn(with_(TEAMS))
    assert finish.state.parked is not None
    assert finish.state.parked.attributes.keys() == {"externalIds microsoftteams"}
    assert ana(there)[GENESYS]["externalIds"][1:] == [{"authority": "zoomphone", "value": "77"}]


def test_a_list_that_only_goes_as_a_whole_is_read_just_before() -> None:
    """Where a target refuses elements, the list goes out with what others have in it, under If-Match."""
    driver, there = sink("whole", typed_paths=False)
    driver.turn(with_(Resource(phone="+13175550101")))
    (key,) = there.store.users
    there.by_hand(
        key,
        phoneNumbers=[{"type": "work", "value": "+13175550101"}, {"type": "ringcentral", "value": "+13175550888"}],
    )
    asked = len(there.asked)
    driver.turn(with_(Resource(phone="+13175550102", title="Agent")))
    assert sent(there, asked) == ["GET", "PATCH"]
    assert there.asked[-1].if_match is not None
    assert {each["type"]: each["value"] for each in ana(there)["phoneNumbers"]} == {
        "work": "+13175550102",
        "ringcentral": "+13175550888",
    }
    asked = len(there.asked)
    driver.turn(with_(Resource(phone="+13175550102", title="Lead")))
    assert sent(there, asked) == ["PATCH"]  # no list in it, and nothing to read


def test_a_leaver_costs_what_they_always_did() -> None:
    """Neither what is owned since now nor a list that goes as a whole stands before a revocation."""
    driver, there = sink("whole", typed_paths=False)
    driver.turn(WHO)
    asked = len(there.asked)
    driver.turn(with_(Resource(active=False, mobile="+13175550103"), TEAMS))
    assert sent(there, asked) == ["PATCH", "GET"]
    assert ana(there)["active"] is False


def test_how_a_number_is_shown_is_forgotten_with_it() -> None:
    """Where a mapping owns a private number no more, no way of writing it is left in our records, either."""
    driver, _ = sink()
    mobile = Resource(mobile="+13175550103", title="Agent")
    first = driver.turn(with_(mobile)).state
    driver.state = msgspec_replace(first, spelled={"mobile": "5550103", "title": "agent"})
    assert driver.turn(with_(mobile, Resource(title="Lead"))).state.spelled.keys() == {"mobile", "title"}
    assert driver.turn(with_(Resource(title="Agent"))).state.spelled.keys() == {"title"}
