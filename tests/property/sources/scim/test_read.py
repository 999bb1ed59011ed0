"""People who are pushed by SCIM: whatever a client writes, they come to what the same story by HR would have made."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from streamproc.core.fold.facts import absorb
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.identity.resolve import changes
from streamproc.core.provider.event import decode
from streamproc.core.provider.fold import Void
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin, SourceFacts
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord
from streamproc.sources.hris import contract
from streamproc.sources.scim.known import KnownInMemory
from streamproc.sources.scim.read import SOURCE, meant
from tests.unit.core.provider.replica import Replica
from tests.unit.sources.scim.heard import NOW, OKTA, Heard, members
from tests.unit.sources.scim.heard import replace as replaced

MAPPING = parse_mapping("""
[attributes]
userName = "userName"
displayName = "displayName"
active = "active"
title = "job"
department = "department"
[[copy]]
fact = "groups"
to = "groups"
[[copy]]
fact = "roles"
to = "roles"
[[rule]]
when = { "group:Sales" = "*" }
skills = { Selling = 3.0 }
""")
PEOPLE = ("E1", "E2")
GROUPS = ("Sales", "Agents")
What: TypeAlias = Literal["come", "go", "off", "on", "title", "untitle", "role", "join", "leave", "push"]
WHATS: tuple[What, ...] = ("come", "go", "off", "on", "title", "untitle", "role", "join", "leave", "push")


@dataclass(frozen=True)
class Step:
    """What becomes of somebody. `push`: a client's full cycle, which changes nothing."""

    what: What
    who: str
    value: str


steps = st.lists(
    st.builds(Step, st.sampled_from(WHATS), st.sampled_from(PEOPLE), st.sampled_from(["Agent", "Boss"])), max_size=14
)


@dataclass
class Person:
    """As a person is by now, whoever tells it."""

    id: str
    active: bool = True
    title: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def body(self, who: str) -> dict[str, Any]:
        said = {"userName": f"{who}@x.com", "displayName": who, "active": self.active, "title": self.title}
        return said | {"number": who, "roles": [{"value": each} for each in self.roles]}


class Story:
    """The same story, by SCIM and by HR."""

    def __init__(self) -> None:
        self.scim = Heard()
        self.hr: list[ChangeEvent] = []
        self.people: dict[str, Person] = {}
        self.groups = {name: self.scim.post("Group", displayName=name) for name in GROUPS}

    def play(self, step: Step) -> None:
        there = self.people.get(step.who)
        if step.what == "come" and there is None:
            new = Person("", title=step.value)
            new.id = self.scim.post(**new.body(step.who))
            self.people[step.who] = new
            self._told(step.who, new)
            return
        if there is None:
            return
        group = GROUPS[step.value == "Boss"]
        match step.what:
            case "go":
                self.scim.delete(there.id)
                del self.people[step.who]
                there.active = False
            case "off" | "on":
                there.active = step.what == "on"
                self.scim.patch(there.id, replaced("active", str(there.active)))
            case "title" | "untitle":
                there.title = step.value if step.what == "title" else None
                operation = replaced("title", step.value) if there.title else {"op": "remove", "path": "title"}
                self.scim.patch(there.id, operation)
            case "role":
                there.roles = (step.value,)
                self.scim.patch(there.id, replaced("roles", [{"value": step.value}]))
            case "join" | "leave":
                others = {each for each in there.groups if each != group}
                there.groups = tuple(sorted(others | ({group} if step.what == "join" else set())))
                operation = members("add" if step.what == "join" else "remove", there.id)
                self.scim.patch(self.groups[group], operation, kind="Group")
            case _:
                self.scim.put(there.id, **there.body(step.who))
        self._told(step.who, there)

    def _told(self, who: str, now: Person) -> None:
        """HR says all of it, each time."""
        at = f"2026-09-21T00:00:00.{len(self.hr):06}Z"
        custom: dict[str, Any] = {f"group:{each}": each if each in now.groups else None for each in GROUPS}
        custom |= {"groups": [*now.groups], "roles": [*now.roles]}
        said = {"userName": f"{who}@x.com", "displayName": who, "active": now.active, "job": now.title}
        body = {"id": f"hr-{len(self.hr)}", "type": "change", "subject": who, "time": at}
        value = orjson.dumps(body | {"attributes": {**said, "custom": custom}})
        self.hr += contract.parse(value, {}, Origin("events.hris", 0, len(self.hr), Millis(NOW)))


def records(events: list[ChangeEvent]) -> dict[str, UserRecord]:
    """Of everybody, as the worker folds them."""
    made: dict[str, UserRecord] = {}
    for seq, event in enumerate(events):
        made[event.user] = fold(made.get(event.user), seq, event, MAPPING)
    return made


def desired(record: UserRecord, *, whole: bool) -> dict[str, Any]:
    """What is to be there. Who has left keeps what they had, and nobody asks what."""
    held = {name: value for name, value in record.desired.items() if value not in (None, [], {}, ())}
    return held if whole else {"active": held.get("active")}


@settings(max_examples=60)
@given(steps, st.sampled_from([1, 0, -1]))
def test_the_same_story_by_scim_and_by_hr_comes_to_the_same(story: list[Step], pace: int) -> None:
    """Whoever tells it, everybody ends with the same login, title, roles, groups, skills and access; also where the
    brokers' clocks stand still or go back.
    """
    both = Story()
    both.scim.clock = lambda offset: NOW + pace * offset
    for step in story:
        both.play(step)
    by_scim, by_hr = records(both.scim.changes), records(both.hr)
    assert by_scim.keys() == by_hr.keys()
    for who, record in by_scim.items():
        here = who in both.people
        assert desired(record, whole=here) == desired(by_hr[who], whole=here)


@settings(max_examples=60)
@given(steps, steps, st.data())
def test_a_no_of_hr_or_of_the_client_is_enough(story: list[Step], at_hr: list[Step], data: st.DataObject) -> None:
    """Whatever the two say in whatever order, nobody has access while one of them says no."""
    scim, hris = Story(), Story()
    for step in story:
        scim.play(step)
    for step in at_hr:
        hris.play(step)
    left, right = list(scim.scim.changes), list(hris.hr)
    mixed: list[ChangeEvent] = []
    while left or right:
        first = left if not right or (left and data.draw(st.booleans())) else right
        mixed.append(first.pop(0))
    for who, record in records(mixed).items():
        spoken = [story for story, said in ((scim, scim.scim.changes), (hris, hris.hr)) if _speaks(said, who)]
        allowed = all(who in story.people and story.people[who].active for story in spoken)
        assert record.desired.get("active") is allowed


def _speaks(said: list[ChangeEvent], who: str) -> bool:
    return any(each.user == who for each in said)


@settings(max_examples=60)
@given(steps, st.data())
def test_facts_end_the_same_in_any_order_with_repeats(story: list[Step], data: st.DataObject) -> None:
    """What is taken up again after a crash, late or twice, changes nobody."""
    both = Story()
    for step in story:
        both.play(step)
    events = both.scim.events
    shuffled = data.draw(st.permutations(events)) + data.draw(
        st.lists(st.sampled_from(events), max_size=5) if events else st.just([])
    )

    def ending(arrived: list[Any]) -> dict[str, dict[str, Fact]]:
        facts: dict[str, SourceFacts] = {}
        for offset, each in enumerate(arrived):
            (event,) = changes("", SOURCE, [each], Origin("t", 0, offset, Millis(NOW)))
            facts[each.subject], _ = absorb(facts.get(each.subject), event, None)
        return {name: each.values for name, each in facts.items()}

    assert ending(shuffled) == ending(list(events))


@given(steps, st.randoms(use_true_random=False))
def test_the_order_of_members_in_a_record_does_not_matter(story: list[Step], random: Any) -> None:
    """A client, or another gateway, that lists the same members in another order says the same of each of them."""
    both = Story()
    for step in story:
        both.play(step)
    ids = [both.scim.post(userName=f"m{each}", number=f"M{each}") for each in range(5)]
    first = len(both.scim.replica.log)
    both.scim.post("Group", displayName="All", members=ids)
    both.scim.patch(both.groups["Sales"], members("add", *ids), kind="Group")
    log, known, apart = both.scim.replica.log, KnownInMemory(), Replica(both.scim.replica.log[:])
    for offset in range(len(log)):
        (folded,) = apart.fold(1)
        assert not isinstance(folded, Void)
        event, at = decode(log[offset]), Millis(NOW + offset)
        found = meant(known, OKTA, event, folded, offset=offset, appended=at)
        if offset >= first and event.members is not None:
            added = random.sample(folded.added, len(folded.added))
            other = structs.replace(event, members=structs.replace(event.members, add=tuple(added)))
            again = meant(known, OKTA, other, replace(folded, added=tuple(added)), offset=offset, appended=at)
            assert again.said == found.said
        known.apply(found.learned)


@given(st.lists(st.sampled_from(["title", "off", "on", "join", "leave", "delete"]), max_size=8))
def test_a_test_user_reaches_nobody(writes: list[str]) -> None:
    """Whatever JumpCloud does with its test user and its test group, no user is made, changed or disabled."""
    heard = Heard()
    heard.post(userName="kim", number="E1")
    before = len(heard.changes)
    who = heard.post(userName="test@jumpcloud.com")
    group = heard.post("Group", displayName="Test")
    for what in writes:
        if what == "delete":
            heard.delete(who)
            heard.delete(group, "Group")
            break
        if what in {"join", "leave"}:
            heard.patch(group, members("add" if what == "join" else "remove", who), kind="Group")
        else:
            heard.patch(who, replaced("title", "x") if what == "title" else replaced("active", what == "on"))
    assert len(heard.changes) == before
