"""As of, and why: what is explained is what is desired, and what is acknowledged doesn't depend on the telling."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.audit.asof.answer import AsOf
from streamproc.audit.asof.explain import Explainer
from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.target_state import TargetStateFold
from streamproc.audit.asof.why import Why
from streamproc.core.fold.authority import view
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Move, NewMapping, Origin, SourceFacts
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord
from tests.support.events import NOW, arrivals, at, histories

PLAIN = """
[attributes]
title = "job"
phone = "hash"
department = "department"
manager = "unread"
[[copy]]
fact = "genesysRole"
to = "roles"
[[copy]]
fact = "genesysQueue"
to = "groups"
template = "{} Queue"
[[copy]]
fact = "genesysQueue"
to = "skills"
[[copy]]
fact = "genesysRole"
to = "skills"
level = 4.5
[[rule]]
when = { job = "*Agent" }
title = "An agent"
languages = { English = 4.0, Spanish = 2.5 }
skills = { Billing = 3.5 }
[[rule]]
when = { job = ["Agent", "Team Lead"], genesysQueue = "*" }
title = "Somebody in a queue"
division = "Care"
roles = ["Agent"]
groups = ["Billing Queue"]
[always]
roles = ["employee", "everybody"]
"""
LISTED = PLAIN + '[authority]\nactive = ["okta", "hris"]\njob = ["okta"]\ngenesysQueue = ["hris", "okta"]\n'
FEW = '[attributes]\ntitle = "job"\n[[rule]]\nwhen = { genesysQueue = "Billing" }\ndivision = "Care"\n'
EXPRESSED = """
[scope]
who = 'job in ["Agent", "Team Lead"] && coalesce(hash, "") != "Billing"'
[suspend]
when = 'genesysQueue == "Billing"'
[attributes]
title = { expr = 'coalesce(genesysQueue, job) + "!"' }
department = { expr = 'lower(unread)' }
phone = "hash"
[externalIds]
teams = { expr = 'upper(genesysRole)' }
zoom = "unread"
[[copy]]
expr = 'split(genesysRole, ":")'
to = "skills"
[[rule]]
when = { job = "*Agent" }
if = 'has(facts.genesysRole) && genesysQueue != "a:b:9"'
roles = ["Agent"]
division = "Care"
[always]
roles = ["employee"]
"""
EXPRESSED += '[policy]\ntitle = "seed"\nskills = "observe"\nexternalIds = "seed"\n'
RELEASING = EXPRESSED.replace("[suspend]", 'leaving = "release"\nblank = "leave"\n[suspend]')
TEXTS = [PLAIN, LISTED, FEW]
mappings = st.sampled_from([parse_mapping(text) for text in TEXTS])
expressed = st.sampled_from([parse_mapping(text) for text in (EXPRESSED, RELEASING)])

people = st.tuples(
    histories(most=3, dated=True),
    histories(source="okta", most=2, dated=True),
    histories(source="okta", subject="E1-b", most=2),
).flatmap(lambda three: arrivals([event for each in three for event in each], repeats=2))
"""Events of two sources about one user, in one of them two subjects."""
few = settings(max_examples=35)
UNEXPLAINED = {"externalId", "suspended", "denied", "seed", "observe"}
"""What needs no reason of its own: some are among those for `active`, and policies are told by themselves."""


@st.composite
def moved(draw: st.DrawFn) -> list[ChangeEvent]:
    """The same, where subjects also leave the user and come to them, with all that they have said."""
    events: list[ChangeEvent] = []
    for event in draw(people):
        events.append(event)
        kinds: list[Literal["link", "unlink"] | None] = [None, None, "link", "unlink"]
        if kind := draw(st.sampled_from(kinds)):
            brought = draw(histories(source=event.source, subject=event.subject, most=1))[0]
            facts = SourceFacts(event.subject, brought.origin, brought.order, dict(brought.attributes))
            move = Move("E2", draw(st.sampled_from([None, "somebody"])), facts if kind == "link" else None)
            events.append(replace(event, kind=kind, move=move, attributes={}, row=None, cancels=None, effective=None))
    return [at(event, offset) for offset, event in enumerate(events)]


def rebuilt(whys: list[Why]) -> dict[str, Any]:
    """What the reasons amount to."""
    found: dict[str, Any] = {}
    for why in whys:
        if why.attribute in {"roles", "groups"}:
            found.setdefault(why.attribute, set()).update([] if why.element is None else [why.element])
        elif why.attribute == "externalIds":
            ids = found.setdefault(why.attribute, {})
            if why.element is not None:
                ids[why.element] = why.value
        elif why.attribute in {"skills", "languages"}:
            levels = found.setdefault(why.attribute, {})
            if why.element is not None:
                levels[why.element] = max(why.value, levels.get(why.element, 0.0))
        else:
            assert why.attribute not in found
            found[why.attribute] = why.value
    return {name: sorted(value) if isinstance(value, set) else value for name, value in found.items()}


@few
@given(events=people | moved(), mapping=mappings | expressed)
def test_the_reasons_amount_to_what_is_desired(events: list[ChangeEvent], mapping: Mapping) -> None:
    """After each event: no attribute, no element and no level too many or too few, and how they stand."""
    record: UserRecord | None = None
    for offset, event in enumerate(events):
        record = fold(record, offset, event, mapping)
        wanted = {name: value for name, value in record.desired.items() if name not in UNEXPLAINED}
        if mapping.who is not None:
            wanted.setdefault("scope", "in")
        assert rebuilt(Explainer(mapping).explain(record.facts, record.as_of, record.desired)) == wanted


@few
@given(events=people | moved(), mapping=mappings)
def test_each_word_is_somebodys_who_has_a_say(events: list[ChangeEvent], mapping: Mapping) -> None:
    """A reason's words are the facts as they count, said by a subject of this user."""
    record: UserRecord | None = None
    for offset, event in enumerate(events):
        record = fold(record, offset, event, mapping)
    assert record is not None
    said = view(record.facts, record.as_of, mapping.file.authority)
    for why in Explainer(mapping).explain(record.facts, record.as_of):
        assert why.words or why.part.by == "always"
        for word in why.words:
            assert f"{word.source}/{word.subject}" in record.facts
            assert word.left or word.source in mapping.file.authority.get(word.fact, [word.source])
            value = said[word.fact]
            assert word.value == value or (word.left and word.value is None and value is False)
            if not isinstance(word.value, bool | None):  # these several may have said
                assert [each.fact for each in why.words].count(word.fact) == 1


def logged(events: Sequence[ChangeEvent], changes: Sequence[int], text: str) -> list[StoredRecord]:
    """`identity.changes` of one partition: its first mapping, the events, and another mapping before some of them."""
    records: list[StoredRecord] = []
    texts = [text, *(TEXTS[(TEXTS.index(text) + n + 1) % len(TEXTS)] for n in range(len(changes)))]
    for number, event in enumerate(events):
        for n, place in enumerate([0, *changes]):
            if place == number:
                records.append(_logged(len(records), _mapping(len(records), texts[n], first=n == 0)))
        records.append(
            _logged(len(records), replace(event, origin=replace(event.origin, appended=Millis(NOW + len(records)))))
        )
    return records


def _mapping(offset: int, text: str, *, first: bool) -> ChangeEvent:
    digest = parse_mapping(text).digest
    origin = Origin(CHANGES if first else "streamproc.controls", 0, offset, Millis(NOW + offset))
    new = NewMapping(text, "somebody", first=first)
    return ChangeEvent("", SOURCE, "", digest, "mapping", (Micros(0), 0, digest), {}, origin, "why not", mapping=new)


def _logged(offset: int, event: ChangeEvent) -> StoredRecord:
    key = event.event if event.kind == "mapping" else event.user
    return StoredRecord(CHANGES, 0, offset, Millis(NOW + offset), key.encode(), orjson.dumps(event))


@few
@given(
    one=people,
    other=histories(user="E2", subject="E2"),
    text=st.sampled_from(TEXTS),
    changes=st.lists(st.integers(1, 8), max_size=2, unique=True),
    data=st.data(),
)
def test_an_answer_is_that_of_the_log_as_it_stood(
    one: list[ChangeEvent], other: list[ChangeEvent], text: str, changes: list[int], data: st.DataObject
) -> None:
    """At any moment: what a log that ended there would say, and of one user alone what is said of them among all."""
    events = data.draw(st.permutations([*one, *other]))
    records = logged(events, sorted(changes), text)
    steps = Refold(lambda offset: records[:offset], first_mapping(records))
    folded = [each for record in records for each in steps.take(record).records.items()]
    written = [
        StoredRecord(OPERATIONS, 0, n, Millis(NOW), user.encode(), value) for n, (user, value) in enumerate(folded)
    ]
    history = InMemoryHistory([*records, *written], 1)
    moment = NOW + data.draw(st.integers(-1, len(records) + 1))
    answers = {answer.user: answer for answer in as_of(history, moment)}
    there = [record for record in records if record.timestamp <= moment]
    again = Refold(lambda offset: there[:offset], first_mapping(records))
    for record in there:
        again.take(record)
    assert {user: answer.desired for user, answer in answers.items()} == {
        user: orjson.loads(value)["desired"] for user, value in again.records.items()
    }
    for user in ("E1", "E2"):
        assert list(as_of(history, moment, user)) == ([answers[user]] if user in answers else [])
    for answer in answers.values():
        assert answer.recorded == "equal"
        assert answer.mapping is not None
        _rests_on_the_log(answer, there)


def _rests_on_the_log(answer: AsOf, there: list[StoredRecord]) -> None:
    """Each word's event lies where the answer says, is this subject's, and says so."""
    changes = {record.offset: orjson.loads(record.value or b"") for record in there}
    for reason in answer.reasons:
        assert reason.since is None or reason.since.at <= answer.at
        for stated in reason.stated:
            assert stated.saying is not None
            event = changes[stated.saying.offset]
            assert (event["user"], event["source"], event["subject"]) == (
                answer.user,
                stated.word.source,
                stated.word.subject,
            )
            assert event["event"] == stated.saying.event
            if stated.word.fact in event["attributes"]:
                assert event["attributes"][stated.word.fact] == stated.word.value
            else:
                assert event["kind"] == "snapshot"
                assert stated.word.value is None


requests = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["write", "read", "gone", "lost", "refused"])),
    max_size=12,
)
"""Requests one after the other: pause before, time until the answer, and what it was."""


@given(made=requests, moment=st.integers(0, 60), data=st.data())
def test_acknowledged_doesnt_depend_on_the_telling(
    made: list[tuple[int, int, str]], moment: int, data: st.DataObject
) -> None:
    """However requests are spread over outcomes: the last answer that tells something counts; what is open is named."""
    now, told, still = 0, [], []
    state: tuple[str, dict[str, str] | None] = ("never", None)
    for number, (pause, takes, what) in enumerate(made):
        sent, answered = now + pause + 1, now + pause + 1 + takes
        now = answered
        holds = {"title": str(number)} if what in {"write", "read"} else None
        request = {
            "id": str(number),
            "method": "GET" if what in {"read", "gone"} else "PATCH",
            "path": "/Users/1",
            "sent": sent,
            "answered": answered,
            "status": {"lost": None, "refused": 429, "gone": 404}.get(what, 200),
            "holds": holds,
            "absent": what == "gone",
        }
        verdict = {"lost": "unknown", "refused": "retry"}.get(what, "delivered")
        told.append({"verdict": verdict, "requests": [request]})
        under_way = sent <= moment < answered and request["method"] == "PATCH"
        if under_way or (answered <= moment and what == "lost"):
            still.append(str(number))
        elif answered <= moment and what != "refused":
            state, still = (("absent", None) if what == "gone" else ("holds", holds)), []
    answers = TargetStateFold(moment)
    for outcome in data.draw(st.permutations(told)):
        answers.take(outcome)
    found = answers.known()
    assert (found.state, found.holds) == state
    assert [each.id for each in found.open] == still
