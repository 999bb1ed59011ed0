"""The fold over the demo's story, by hand: what it costs, what it says, and the same bytes in any process."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.operation import Deactivate, Reactivate
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, encode
from streamproc.demo.expected import EXPECTED
from streamproc.demo.story import OUTSIDER, SCOPE, STEPS
from streamproc.sources.hris.contract import parse
from tests.support.paths import REPOSITORY

MAPPING = REPOSITORY / "streamproc" / "mapping.toml"
STORY = (*STEPS, *OUTSIDER)
APPENDED = 1_772_500_000_000  # after the story's own times


def records() -> list[UserRecord | None]:
    """The user's record after each step of the story; None: the step was rejected."""
    mapping = parse_mapping(MAPPING.read_text(encoding="utf-8") + SCOPE)
    users: dict[str, UserRecord] = {}
    found: list[UserRecord | None] = []
    for offset, step in enumerate(STORY):
        value = step.event if isinstance(step.event, bytes) else orjson.dumps(step.event)
        headers = {name: content.encode() for name, content in step.headers.items()}
        try:
            (event,) = parse(value, headers, Origin("events.hris", 0, offset, Millis(APPENDED + offset)))
        except RejectedInputError:
            found.append(None)
            continue
        users[event.user] = fold(users.get(event.user), offset, event, mapping)
        found.append(users[event.user])
    return found


def digest() -> str:
    """SHA-256 over all the story's records."""
    return hashlib.sha256(b"\n".join(encode(record) for record in records() if record)).hexdigest()


def test_the_story_folds_to_what_it_expects() -> None:
    """With no Kafka and no Genesys at all, the story's events desire for each user what the story expects."""
    newest = {record.user: record for record in records() if record}
    assert newest.keys() == EXPECTED.keys()
    for user, expected in EXPECTED.items():
        desired = dict(newest[user].desired)
        assert desired.pop("externalId") == user
        for name, value in expected.items():
            held = desired.get(name)
            assert held == value or (held is None and value in (None, [], {}))


@pytest.mark.parametrize("number", range(len(STORY)), ids=[step.title for step in STORY])
def test_each_step_has_the_fate_of_the_story(number: int) -> None:
    """A step that is to be delivered changes what is desired, a no-op doesn't, and rubbish makes no record."""
    step, record = STORY[number], records()[number]
    if step.fate == "rejected":
        assert record is None
    else:
        assert record is not None
        assert bool(record.operations) == (step.fate in {"delivered", "revoked"})
        if step in STEPS:  # of who isn't ours the first record changes something, and a source's no
            assert (record.effect == "changed") == (step.fate in {"delivered", "revoked"})


def test_leaving_and_returning_cost_one_request_each() -> None:
    """A leaver is one Deactivate; the rehired user is one Reactivate with roles, skills and languages."""
    by_title = dict(zip((step.title for step in STORY), records(), strict=True))
    left, back = by_title["Ana leaves"], by_title["Ana is hired again"]
    assert left is not None
    assert left.operations == [Deactivate()]
    assert back is not None
    (reactivate,) = back.operations
    assert isinstance(reactivate, Reactivate)
    assert reactivate.changes == {
        "active": True,
        "roles": ["Agent", "employee"],
        "skills": {"Spanish": 4.0},
        "languages": {"English": 5.0, "Spanish": 4.0},
    }


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_another_process_folds_the_same_bytes(seed: str) -> None:
    """A replay in a process whose sets and dicts hash otherwise gives byte for byte the same records."""
    script = "from tests.unit.core.fold.test_fold import digest; print(digest())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest()


def test_a_second_subject_keeps_the_first() -> None:
    """The facts remember under which subject their source first spoke of the user."""
    event = ChangeEvent(
        "E1", "hris", "E1", "e0", "change", (Micros(1), 0, "e0"), {"job": "Agent"}, Origin("t", 0, 0, Millis(0))
    )
    facts, _ = absorb(None, event, ["job"])
    again = ChangeEvent(
        "E1", "hris", "OLD-1", "e1", "change", (Micros(2), 0, "e1"), {"job": None}, Origin("t", 0, 1, Millis(0))
    )
    assert absorb(facts, again, ["job"])[0].subject == "E1"


def _said(seq: int, **attributes: Fact) -> ChangeEvent:
    origin = Origin("events.hris", 0, seq, Millis(1_790_000_000_000 + seq))
    return ChangeEvent("E1", "hris", "E1", f"e{seq}", "change", (Micros(seq), 0, f"e{seq}"), attributes, origin)


def test_a_topic_made_anew_doesnt_silence_its_users() -> None:
    """Where events.hris was deleted and created again, its low offsets aren't taken for repeats: a leaver is heard."""
    mapping = parse_mapping('[attributes]\nactive = "active"\n')
    before = fold(None, 1, _said(5000, active=True), mapping)
    leaves = replace(_said(6000, active=False), origin=Origin("events.hris", 0, 3, Millis(1_790_000_009_000)))
    assert fold(before, 2, leaves, mapping).desired.get("active") is False


def test_deny_wins_under_any_name() -> None:
    """Where the mapping reads `active` from another fact, one source that says false is enough all the same."""
    mapping = parse_mapping('[attributes]\nactive = "employed"\n')
    first = fold(None, 1, _said(1, employed=True), mapping)
    second = fold(first, 2, replace(_said(2, employed=False), source="other"), mapping)
    assert second.desired.get("active") is False


def test_a_clock_that_is_ahead_loses_to_what_comes_after_it() -> None:
    """An event dated hours ahead counts as of its arrival, so that a leaver after it isn't stale."""
    appended = 1_790_000_000_000
    event = {"type": "change", "subject": "E1", "attributes": {"active": True}}
    ahead = orjson.dumps({**event, "id": "a", "time": "2026-09-21T20:00:00Z"})
    after = orjson.dumps({**event, "id": "b", "time": "2026-09-21T14:13:21Z", "attributes": {"active": False}})
    (first,) = parse(ahead, {}, Origin("events.hris", 0, 1, Millis(appended)))
    (second,) = parse(after, {}, Origin("events.hris", 0, 2, Millis(appended + 2000)))
    assert first.order < second.order
