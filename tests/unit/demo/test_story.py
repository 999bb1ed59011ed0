"""The demo's story: its expectations, and the comparison that decides whether the demo came out."""

import copy
from typing import Any

from streamproc.demo.expected import ENTERPRISE, EXPECTED, GENESYS, differences, holds
from streamproc.demo.story import OUTSIDER, STEPS


def test_what_is_expected_differs_in_nothing_from_itself() -> None:
    """A target that holds exactly what the story expects has no differences."""
    assert differences(EXPECTED, copy.deepcopy(EXPECTED)) == []


def test_every_single_deviation_is_found() -> None:
    """Changing any attribute of any user, or losing it, is one difference that names user and attribute."""
    for subject, user in EXPECTED.items():
        for name in user:
            other: Any = "something else"
            for altered in ({**user, name: other}, {each: user[each] for each in user if each != name}):
                held = {**EXPECTED, subject: altered}
                found = differences(EXPECTED, held)
                missing = user[name] is None and name not in altered
                assert len(found) == (0 if missing else 1)
                assert all(line.startswith(f"{subject}.{name} is ") for line in found)


def test_missing_and_unexpected_users_are_found() -> None:
    """Somebody who isn't there and somebody who shouldn't be are each one difference."""
    without = {subject: EXPECTED[subject] for subject in EXPECTED if subject != "E1001"}
    assert differences(EXPECTED, without) == ["E1001 isn't there"]
    assert differences(without, EXPECTED) == ["E1001 is there, and isn't in the story"]


def test_a_user_is_told_in_the_storys_words() -> None:
    """`holds` turns the target's user into the words of EXPECTED, with its ids for managers and groups translated."""
    ana = EXPECTED["E1001"]
    user = {
        "userName": ana["userName"],
        "displayName": ana["displayName"],
        "active": True,
        "title": ana["title"],
        "phoneNumbers": [{"value": "+1", "type": "home"}, {"value": ana["phone"], "type": "work"}],
        "roles": [{"value": role} for role in reversed(ana["roles"])],
        "groups": [{"value": "g-7"}],
        ENTERPRISE: {
            "department": ana["department"],
            "division": ana["division"],
            "employeeNumber": "E1001",
            "manager": {"value": "u-9"},
        },
        GENESYS: {
            "routingSkills": [{"name": "Spanish", "proficiency": 4.0}],
            "routingLanguages": [
                {"name": "Spanish", "proficiency": 4.0},
                {"name": "English", "proficiency": 5.0},
            ],
        },
    }
    assert differences({"E1001": ana}, {"E1001": holds(user, {"u-9": "E2001"}, {"g-7": "Spanish Queue"})}) == []
    assert holds({}, {}, {}) == dict.fromkeys(ana) | {"roles": [], "groups": [], "skills": {}, "languages": {}}


def test_the_story_touches_everybody_it_expects() -> None:
    """Steps and expectations speak of the same users, and each title and event stands for itself."""
    steps = [*STEPS, *OUTSIDER]
    assert {step.subject for step in steps} == EXPECTED.keys()
    assert len({step.title for step in steps}) == len(steps)
    assert {step.fate for step in steps} == {"delivered", "revoked", "no-op", "rejected"}
    assert all(bool(step.writes) == (step.fate in {"delivered", "revoked"}) for step in steps)
