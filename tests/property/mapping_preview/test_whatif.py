"""What if: beside the recorded folds, and equal to whole folds by either mapping."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.fold.fold import fold, passed
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Fact, NewMapping, Origin
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.mapping_preview.impact import Impact
from streamproc.mapping_preview.whatif import WhatIf
from tests.support.events import NOW, histories, said, said_readably

PLAIN = """
[attributes]
title = "job"
phone = "hash"
[[copy]]
fact = "genesysRole"
to = "roles"
"""
SKILLED = """
[attributes]
title = "job"
phone = "hash"
[[copy]]
fact = "genesysRole"
to = "roles"
template = "{} role"
[[rule]]
when = { job = "*Agent" }
skills = { Spanish = 4.0 }
"""
"""Reads the same facts as PLAIN."""
QUEUED = """
[attributes]
title = "job"
department = "unread"
[authority]
active = ["okta"]
[[copy]]
fact = "genesysQueue"
to = "groups"
[[copy]]
fact = "genesysQueue"
to = "skills"
"""
"""Reads others, and lets one source alone say who is active."""
TEXTS = (PLAIN, SKILLED, QUEUED)
END = NOW + 10**9
few = settings(max_examples=35)


@cache
def mapping(text: str) -> Mapping:
    return parse_mapping(text)


def ruling(text: str, offset: int, *, first: bool = False) -> ChangeEvent:
    """A mapping's event, as the worker appends it."""
    origin = Origin(CHANGES if first else "streamproc.controls", 0, offset, Millis(NOW + offset))
    named = NewMapping(text, "somebody", first)
    order = (Micros(origin.appended * 1000), offset, "")
    return ChangeEvent("", SOURCE, "", mapping(text).digest, "mapping", order, {}, origin, mapping=named)


def logged(offset: int, event: ChangeEvent) -> StoredRecord:
    return StoredRecord(CHANGES, 0, offset, Millis(NOW + offset), event.user.encode(), orjson.dumps(event))


@st.composite
def logs(
    draw: st.DrawFn,
    texts: Sequence[str] = TEXTS,
    *,
    dated: bool = True,
    words: st.SearchStrategy[dict[str, Fact]] = said,
) -> list[StoredRecord]:
    """One partition: a few users of two sources, its first mapping early, others after it, dates told as they pass."""
    events = [
        event
        for user in draw(st.sampled_from([["E1"], ["E1", "E2"], ["E1", "E2", "E3"]]))
        for source, most in (("hris", 4), ("okta", 2))
        for event in draw(histories(source=source, user=user, most=most, dated=dated, words=words))
    ]
    kept: list[ChangeEvent] = []
    for event in draw(st.permutations(events)):
        kept.append(event)
        if draw(st.integers(0, 4)) == 0:
            kept.append(ruling(draw(st.sampled_from(texts)), 0))
    first = draw(st.sampled_from(texts))
    kept.insert(draw(st.integers(0, min(2, len(kept)))), ruling(first, 0, first=True))
    found: list[StoredRecord] = []
    refold = Refold(lambda below: found[:below], None)
    refold.rules = first_mapping([logged(0, ruling(first, 0, first=True))])
    refold.mapping = mapping(first)
    for number, event in enumerate(kept):
        place = replace(event.origin, offset=number, appended=Millis(NOW + len(found)))
        found.append(logged(len(found), replace(event, origin=place)))
        refold.take(found[-1])
        for _, value in sorted(refold.records.items()):
            record = decode(value)
            now = NOW + len(found)
            if record.due is not None and record.due <= now * 1000 and draw(st.booleans()):
                found.append(logged(len(found), passed(record, Origin(CHANGES, 0, record.seq, Millis(now)))))
                refold.take(found[-1])
    return found


def told(log: list[StoredRecord], text: str, since: int | None = None, now: int | None = END) -> Impact:
    """What the part under test says."""
    history = InMemoryHistory(log, 1)
    whatif = WhatIf(
        lambda below: (one for one in history.read(CHANGES, 0) if one.offset < below),
        first_mapping(log),
        None,
        mapping(text),
        since=since,
    )
    for one in log:
        whatif.take(one)
    return whatif.impact(None if now is None else Millis(now))


def recorded(log: list[StoredRecord]) -> tuple[list[UserRecord], dict[str, UserRecord], Mapping]:
    """Every record that the worker wrote, the newest of each user, and the mapping in force at the end."""
    refold = Refold(lambda below: (one for one in log if one.offset < below), first_mapping(log))
    written = [decode(value) for one in log for value in refold.take(one).records.values()]
    assert refold.mapping is not None
    return written, {user: decode(value) for user, value in refold.records.items()}, refold.mapping


def events(log: list[StoredRecord]) -> Iterator[tuple[int, ChangeEvent]]:
    for one in log:
        event = CHANGE_EVENT.validate_json(one.value or b"")
        if event.kind != "mapping":
            yield one.offset, event


def alone(log: list[StoredRecord], text: str) -> list[UserRecord]:
    """The records, had that mapping been in force from the beginning."""
    newest: dict[str, UserRecord] = {}
    written: list[UserRecord] = []
    for offset, event in events(log):
        newest[event.user] = fold(newest.get(event.user), offset, event, mapping(text))
        written.append(newest[event.user])
    return written


def anew(record: UserRecord, by: Mapping) -> UserRecord:
    """The record after everything that has a date up to END has come."""
    event = replace(ruling(PLAIN, 0), user=record.user, origin=Origin("streamproc.controls", 0, 10**6, Millis(END)))
    return fold(record, 10**6, replace(event, mapping=None), by)


def kinds(records: Sequence[UserRecord]) -> Counter[str]:
    return Counter(operation.op for record in records for operation in record.operations)


@few
@given(log=st.sampled_from(TEXTS).flatmap(lambda text: logs([text])), since=st.none() | st.integers(NOW, NOW + 12))
def test_the_mapping_in_force_touches_nobody(log: list[StoredRecord], since: int | None) -> None:
    """Asked about the only mapping that ever was in force, there is no difference, at no time, however dates fall."""
    rules = first_mapping(log)
    assert rules is not None
    for now in (None, END):
        impact = told(log, rules.text, since, now)
        assert (impact.touched, impact.differ, impact.sent, impact.out, impact.let_in) == (0, 0, 0, 0, 0)
        assert not impact.operations
        assert impact.old == impact.new


@few
@given(log=logs(), text=st.sampled_from(TEXTS), since=st.none() | st.integers(NOW, NOW + 12))
def test_the_old_side_is_what_was_recorded(log: list[StoredRecord], text: str, since: int | None) -> None:
    """Operations by kind over the period are those in the records that the worker wrote in it."""
    written, newest, _ = recorded(log)
    impact = told(log, text, since)
    assert impact.old == kinds([each for each in written if since is None or NOW + each.seq >= since])
    assert impact.users == len(newest)


@few
@given(log=logs(dated=False, words=said_readably), text=st.sampled_from(TEXTS))
def test_the_new_side_is_the_log_folded_by_it_alone(log: list[StoredRecord], text: str) -> None:
    """From the beginning on, operations by kind are those of the records that the other mapping would have made, where
    all can be read: what can't stays as the mapping of that time had it.
    """
    assert told(log, text).new == kinds(alone(log, text))


@few
@given(log=logs(words=said_readably), text=st.sampled_from(TEXTS), since=st.none() | st.integers(NOW, NOW + 40))
def test_now_is_the_plan_from_one_whole_fold_to_the_other(
    log: list[StoredRecord], text: str, since: int | None
) -> None:
    """Whatever the period, where all can be read: what would be sent now leads from the worker's records to the new."""
    impact = told(log, text, since)
    _, newest, old = recorded(log)
    would = {each.user: anew(each, mapping(text)) for each in alone(log, text)}
    sent: Counter[str] = Counter()
    differing, problems = set(), Counter[str]()
    for user, record in newest.items():
        was = anew(record, old)
        sent.update(each.op for each in plan(was.desired, would[user].desired))
        problems.update(set(would[user].problems) - set(was.problems))
        if was.desired != would[user].desired:
            differing.add(user)
    assert impact.operations == sent
    assert impact.differ == len(differing)
    assert {each.user for found in impact.examples.values() for each in found} == differing
    assert impact.arisen == problems
    assert impact.touched >= impact.differ
    assert impact.out >= sent["deactivate"]


@few
@given(log=logs(), text=st.sampled_from(TEXTS), since=st.none() | st.integers(NOW, NOW + 12), data=st.data())
def test_partitions_add_up(log: list[StoredRecord], text: str, since: int | None, data: st.DataObject) -> None:
    """Two partitions with different users give what one with all of them gives."""
    users = {user for one in log if (user := (one.key or b"").decode())}
    here = data.draw(st.sets(st.sampled_from(sorted(users)))) if users else set()
    parts = [[one for one in log if not one.key or (one.key.decode() in here) is chosen] for chosen in (True, False)]
    whole, (one, other) = told(log, text, since), (told(part, text, since) for part in parts)
    one.add(other)
    assert one == replace(whole, out_examples=one.out_examples, let_in_examples=one.let_in_examples)
