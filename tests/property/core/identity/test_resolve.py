"""Identity: whatever sources claim, operators order and crashes forget, nobody merges silently and nothing is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamproc.core.fold.authority import key, view
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.identity.resolve import MOST, changes, order, resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin, SourceFacts
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord
from tests.support.events import MICROS, NOW, said

MAPPING = parse_mapping("""
[attributes]
title = "job"
[[rule]]
when = { "group:Agents" = "*" }
groups = ["Agents"]
""")
SUBJECTS = [("okta", "a"), ("okta", "b"), ("entra", "x")]
USERS = ["E1", "E2", "E3"]


@dataclass(frozen=True)
class Raw:
    """A record of a source's topic."""

    source: str
    said: SourceEvent
    origin: Origin


@dataclass(frozen=True)
class Order:
    """An operator's order, and where it came in line."""

    control: Control
    placed: Origin
    origin: Origin


Input = Raw | Order


def event(
    name: str, attributes: dict[str, Fact], anchor: str | None = None, time: int = 0, **changes: Any
) -> SourceEvent:
    """What okta/a says."""
    return replace(
        SourceEvent("a", name, "change", (Micros(MICROS + time), 0, name), attributes, anchor),
        **changes,
    )


def known(facts: SourceFacts | None) -> SourceFacts | None:
    """Facts, but for where they were read, what came along from another user, and how the subject stands there."""
    return facts and replace(facts, origin=Origin("", 0, 0, Millis(0)), brought={}, standing="")


def holds(record: UserRecord | None) -> dict[str, Fact]:
    """What a user's facts come to."""
    return {
        name: value for name, value in view(record.facts if record else {}, Millis(NOW)).items() if value is not None
    }


class Links(RuleBasedStateMachine):
    """The worker between the raw topics and users' records. A crash forgets links, and never the log."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Input] = []
        self.before: list[dict[str, Link]] = []
        self.links: dict[str, Link] = {}
        self.log: list[ChangeEvent] = []
        self.users: dict[str, UserRecord] = {}
        self.repeating = False

    @rule(
        subject=st.sampled_from(SUBJECTS),
        attributes=said,
        anchor=st.none() | st.sampled_from([*USERS, " E1 "]),
        kind=st.sampled_from(["snapshot", "change"]),
        time=st.integers(-1, 1),
    )
    def say(
        self, subject: tuple[str, str], attributes: dict[str, Fact], anchor: str | None, kind: Any, time: int
    ) -> None:
        """A source says something of a subject, and perhaps who that is."""
        offset = len(self.inputs)
        told = SourceEvent(subject[1], f"e{offset}", kind, (Micros(MICROS + time), 0, f"e{offset}"), attributes, anchor)
        self.take(Raw(subject[0], told, Origin(f"events.{subject[0]}", 0, offset, Millis(NOW + offset))))

    @rule(subject=st.sampled_from(SUBJECTS), user=st.none() | st.sampled_from(USERS))
    def order(self, subject: tuple[str, str], user: str | None) -> None:
        """An operator says which user a subject is, or that it is none."""
        offset = len(self.inputs)
        action: Any = "link" if user else "split"
        control = Control(f"c{offset}", action, user, None, "op", "why", Millis(NOW), key(*subject))
        placed = Origin("streamproc.controls", 0, offset, Millis(NOW + offset))
        self.take(Order(control, placed, Origin(f"events.{subject[0]}", 0, offset, Millis(NOW + offset))))

    @rule()
    def order_comes_again(self) -> None:
        """An order that a crash let come into line for a second time is passed over."""
        orders = [each for each in self.inputs if isinstance(each, Order)]
        if orders:
            offset, log, links = len(self.inputs), len(self.log), dict(self.links)
            self.take(
                replace(orders[-1], origin=replace(orders[-1].origin, offset=offset, appended=Millis(NOW + offset)))
            )
            assert (len(self.log), self.links) == (log, links)

    @rule(subject=st.sampled_from(SUBJECTS), user=st.sampled_from(USERS))
    def merge_and_split(self, subject: tuple[str, str], user: str) -> None:
        """After both, the user is as before, unless it was the subject's own; and the subject comes back whole."""
        before = holds(self.users.get(user))
        own = key(*subject) in self.links and self.links[key(*subject)].user == user
        self.order(subject, user)
        self.order(subject, None)
        after = holds(self.users.get(user))
        if "active" not in before and after.get("active") is False:  # nobody vouches for them any more
            del after["active"]
        assert own or after == before

    @rule(back=st.integers(1, 4), cut=st.integers(0, 3))
    def crash(self, back: int, cut: int) -> None:
        """The last links weren't kept, and of the last input not all that it led to: they are taken in again."""
        if not self.inputs:
            return
        begin = max(0, len(self.inputs) - back)
        again, self.inputs = self.inputs[begin:], self.inputs[:begin]
        self.links, self.before = dict(self.before[begin]), self.before[:begin]
        self.repeating = True
        for each in self.outputs(again[0])[1][:cut]:  # the first attempt after the crash dies too, in the middle
            self.append(each)
        for once_more in again:
            self.take(once_more)
        self.repeating = False

    @rule(back=st.integers(1, 4))
    def offsets_are_lost(self, back: int) -> None:
        """The links were kept, but not how far the topics had been read."""
        for each in self.inputs[-back:]:
            link, events = self.outputs(each)
            assert (link, events) == (self.links[key(link.source, link.subject)], [])

    def take(self, given: Input) -> None:
        """What the worker does with a record."""
        self.inputs.append(given)
        self.before.append(dict(self.links))
        link, events = self.outputs(given)
        for each in events:
            self.append(each)
        self.links[key(link.source, link.subject)] = link

    def outputs(self, given: Input) -> tuple[Link, list[ChangeEvent]]:
        """The pure part of that."""
        if isinstance(given, Raw):
            held = self.links.get(key(given.source, given.said.subject))
            return resolve(held, given.source, [given.said], given.origin)
        return order(self.links.get(given.control.subject or ""), given.control, given.placed, given.origin)

    def append(self, each: ChangeEvent) -> None:
        """To the log, and folded."""
        before = holds(self.users.get(each.user))
        self.log.append(each)
        self.users[each.user] = fold(self.users.get(each.user), len(self.log), each, MAPPING)
        assert not self.repeating or holds(self.users[each.user]) == before, "not even for a moment"

    @invariant()
    def nobody_merges_silently(self) -> None:
        """A user holds a subject only if the source or an operator once named both, and no two hold the same one."""
        named = {(key(each.source, each.said.subject), (each.said.anchor or "").strip()) for each in self.raw()}
        controls = [each.control for each in self.inputs if isinstance(each, Order)]
        named |= {(control.subject or "", control.user or "") for control in controls}
        for user, record in self.users.items():
            for subject, facts in record.facts.items():
                if not facts.left:
                    assert (subject, user) in named
                    assert self.links[subject].user == user

    @invariant()
    def nothing_is_lost(self) -> None:
        """A linked subject's user holds all that it ever said, unless it is held; the link does in any case."""
        for name, link in self.links.items():
            facts: SourceFacts | None = None
            kept: SourceFacts | None = None
            for each in self.raw():
                if key(each.source, each.said.subject) == name:
                    (change,) = changes("", each.source, [each.said], each.origin)
                    facts, _ = absorb(facts, change, MAPPING.facts)
                    kept, _ = absorb(kept, change, None)
            assert known(link.facts) == known(kept)
            if link.user is None or facts is None:
                continue
            held = self.users[link.user].facts[name]
            if held.standing == "held":
                held = replace(held, values={})
                facts = SourceFacts(facts.subject, facts.origin)
            assert known(held) == known(facts)

    @invariant()
    def it_comes_in_order(self) -> None:
        """What a subject says stands in the log in the order in which it was said, what had to wait too."""
        for source, subject in SUBJECTS:
            ours = [each for each in self.log if (each.source, each.subject) == (source, subject) and each.move is None]
            first = list(dict.fromkeys(each.event for each in ours))
            wanted = [each.said.event for each in self.raw() if (each.source, each.said.subject) == (source, subject)]
            waiting = self.links[key(source, subject)].waiting if key(source, subject) in self.links else ()
            assert first + [each.event for each in waiting if each.event not in first] == wanted

    def raw(self) -> Sequence[Raw]:
        """What sources said, in order."""
        return [each for each in self.inputs if isinstance(each, Raw)]


TestLinks = Links.TestCase
TestLinks.settings = settings(max_examples=60, stateful_step_count=20)


def told(*records: tuple[SourceEvent, int]) -> tuple[Link, list[list[ChangeEvent]]]:
    """The link after these records of okta, each at its offset, and what each led to."""
    link: Link | None = None
    found = []
    for one, offset in records:
        link, events = resolve(link, "okta", [one], Origin("events.okta", 0, offset, Millis(NOW + offset)))
        found.append(events)
    assert link is not None
    return link, found


def test_what_waited_comes_out_oldest_first() -> None:
    """Nothing goes to the log until a link arrives; then one event with all of it, and each that waited behind it."""
    link, (first, second, third) = told(
        (event("e1", {"active": True}), 1), (event("e2", {"active": False}, time=1), 2), (event("e3", {}, "E1"), 3)
    )
    assert (first, second) == ([], [])
    assert [(each.user, each.kind, each.event) for each in third[1:]] == [
        ("E1", "change", name) for name in ("e1", "e2", "e3")
    ]
    assert third[0].kind == "link"
    assert third[0].move is not None
    assert third[0].move.facts is not None
    assert third[0].move.facts.values == {"active": False}
    assert link.user == "E1"
    assert link.waiting == ()


def test_nobody_is_let_in_for_a_moment_by_what_waited() -> None:
    """A leaver who waited for a link never is active on the way, though the log tells their hire first."""
    _, found = told((event("e1", {"active": True}), 1), (event("e2", {"active": False}, "E1", time=1), 2))
    record: UserRecord | None = None
    for seq, each in enumerate(found[1]):
        record = fold(record, seq, each, MAPPING)
        assert record.desired.get("active") is False


def test_of_one_record_the_newest_goes_first() -> None:
    """What a record itself takes back isn't given for a moment either."""
    both = [event("e1", {"active": True}), event("e2", {"active": False}, time=1)]
    assert [each.event for each in changes("E1", "okta", both, Origin("t", 0, 0, Millis(0)))] == ["e2", "e1"]


def test_a_moving_subject_names_both_users() -> None:
    """A new claim is an `unlink` of the old user and a `link` of the new one; facts go along, and none stays behind."""
    link, found = told((event("e1", {"active": True, "job": "Agent"}, "E1"), 1), (event("e2", {}, "E2", time=1), 2))
    assert [(each.user, each.kind, each.move and each.move.other) for each in found[1]] == [
        ("E1", "unlink", "E2"),
        ("E2", "link", "E1"),
        ("E2", "change", None),
    ]
    users: dict[str, UserRecord] = {}
    for seq, each in enumerate([*found[0], *found[1]]):
        users[each.user] = fold(users.get(each.user), seq, each, MAPPING)
    assert (users["E1"].desired["active"], users["E1"].desired["title"]) == (False, None)
    assert (users["E2"].desired["active"], users["E2"].desired["title"]) == (True, "Agent")
    assert link.user == "E2"


def test_who_left_comes_back_by_a_link_alone() -> None:
    """A worker that was paused may still send a moved subject's events to its old user: they say nothing there."""
    _, found = told((event("e1", {"job": "Agent"}, "E1"), 1), (event("e2", {}, "E2", time=1), 2))
    stray = changes("E1", "okta", [event("e3", {"job": "Lead"}, time=2)], Origin("events.okta", 0, 3, Millis(NOW + 3)))
    record: UserRecord | None = None
    for seq, each in enumerate([found[0][0], found[1][0], *stray]):
        record = fold(record, seq, each, MAPPING)
    assert record is not None
    assert (record.effect, record.desired["title"]) == ("stale", None)


def test_a_late_claim_doesnt_count() -> None:
    """An older snapshot that arrives late doesn't move the subject back."""
    link, _ = told((event("e2", {}, "E2", time=1), 1), (event("e1", {}, "E1", time=0), 2))
    assert link.user == "E2"


def test_an_order_holds_until_the_source_says_something_else() -> None:
    """A split holds against the claim that it was about, and is over when the source names somebody else."""
    link, _ = told((event("e1", {}, "E1"), 1))
    control = Control("c", "split", None, None, "op", "wrong number", Millis(NOW), "okta/a")
    placed = Origin("streamproc.controls", 0, 0, Millis(NOW))
    link, events = order(link, control, placed, Origin("events.okta", 0, 2, Millis(NOW)))
    assert [(each.kind, each.user, each.move and each.move.by, each.reason) for each in events] == [
        ("unlink", "E1", "op", "wrong number")
    ]
    link, events = resolve(link, "okta", [event("e2", {}, "E1", time=1)], Origin("events.okta", 0, 3, Millis(NOW)))
    assert (link.user, events) == (None, [])
    link, events = resolve(link, "okta", [event("e3", {}, "E2", time=2)], Origin("events.okta", 0, 4, Millis(NOW)))
    assert (link.user, [each.kind for each in events]) == ("E2", ["link", "change", "change"])


def test_only_the_newest_wait_and_nothing_they_said_is_lost() -> None:
    """Beyond the limit the oldest are counted, and what they said comes with the link."""
    many = [(event(f"e{n}", {f"fact{n}": n}, time=n), n) for n in range(MOST + 7)]
    link, _ = told(*many)
    assert ([each.event for each in link.waiting], link.forgotten) == ([f"e{n}" for n in range(7, MOST + 7)], 7)
    link, events = resolve(link, "okta", [event("last", {}, "E1", time=99)], Origin("events.okta", 0, 99, Millis(NOW)))
    assert events[0].move is not None
    assert events[0].move.facts is not None
    assert events[0].move.facts.values == {f"fact{n}": n for n in range(MOST + 7)}
    assert (len(events), link.forgotten) == (MOST + 2, 0)


def test_large_ones_dont_wait() -> None:
    """Of events that are large together only what they say is kept, so that the link stays small enough for Kafka."""
    link, _ = told(*[(event(f"e{n}", {f"fact{n}": "x" * 50_000}, time=n), n) for n in range(5)])
    assert (len(link.waiting), link.forgotten) == (2, 3)
