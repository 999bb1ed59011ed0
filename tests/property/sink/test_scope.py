"""Who is ours, the whole way: whatever HR says of people, the target hears of nobody else, and lets nobody else in."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.field.pipeline import MAPPING, play
from tests.field.pipelines import hris, joins

SCOPED: Final = """
[scope]
who = 'department == "Care"'
leaving = "{leaving}"
[suspend]
when = 'leave == "Suspended"'
"""
PEOPLE: Final = ("F1", "F2", "F3")

said = st.fixed_dictionaries(
    {},
    optional={
        "department": st.sampled_from(["Care", "Care", "Ops", None]),
        "active": st.sampled_from([True, True, False]),
        "leave": st.sampled_from(["Suspended", None]),
        "manager": st.sampled_from(PEOPLE),
    },
).filter(bool)


@dataclass
class Person:
    """As the table in the mapping's page has it, told without our code. `out` None: nobody has a say in it."""

    department: str | None = None
    active: bool = True
    suspended: bool = False
    state: str = "never"
    out: bool | None = None

    def hears(self, says: dict[str, Any], leaving: str) -> None:
        """What HR says next."""
        self.department = says.get("department", self.department)
        self.active = says.get("active", self.active)
        self.suspended = says["leave"] == "Suspended" if "leave" in says else self.suspended
        if self.department == "Care":
            self.state, self.out = "in", not self.active or self.suspended
        elif self.department == "Ops" and self.state == "in":
            self.state, self.out = leaving, True if leaving == "left" else self.out or None
        elif self.state == "in":
            self.out = not self.active or self.suspended
        if self.state == "released" and not self.active:
            self.out = True


@given(
    history=st.lists(st.tuples(st.sampled_from(PEOPLE), said), min_size=3, max_size=12),
    leaving=st.sampled_from(["left", "released"]),
    pause=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=20, deadline=None)
def test_the_target_hears_of_nobody_else(history: list[tuple[str, dict[str, Any]]], leaving: str, pause: float) -> None:
    """Nobody who never was in scope is searched, created or revoked; all others are in, or out, as the table says."""
    people = {user: Person() for user in PEOPLE}
    records = [joins(user) for user in PEOPLE]
    for number, (user, says) in enumerate(history, 1):
        people[user].hears(says, leaving)
        attributes = {name: value for name, value in says.items() if name != "leave"}
        if "leave" in says:
            attributes["custom"] = {"leave": says["leave"]}
        records.append(hris(user, number, **attributes))
    by = MAPPING + SCOPED.format(leaving="deactivate" if leaving == "left" else "release")
    ran = play(records, mapping=by, pause=pause, seconds=1200.0)
    for user, person in people.items():
        asked = any(f'"{user}"' in unquote(path) or f"{user.lower()}@" in unquote(path) for _, path, _ in ran.requests)
        if person.state == "never":
            assert (ran.active(user), asked) == (None, False), user
        elif person.out is True:
            assert ran.active(user) is not True, user
        elif person.state == "in":
            assert ran.active(user) is True, user
    assert {each["externalId"] for each in ran.accounts} <= {user for user in people if people[user].state != "never"}
