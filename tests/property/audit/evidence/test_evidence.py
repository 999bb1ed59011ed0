"""Evidence: whatever is altered in a bundle is found and named, also where its sums were made anew; and nothing that is
put there breaks whoever verifies it.
"""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from streamproc.audit.evidence.format import CHAIN, EVENTS, MANIFEST, RECORDS, SUMS, TOPICS
from streamproc.audit.evidence.make import verify
from streamproc.audit.evidence.pseudonyms import NEAR, Places, seq_among
from streamproc.audit.evidence.raw_line import Line, line_of
from streamproc.audit.evidence.redacted_facts import Facts
from streamproc.audit.evidence.redaction import Redaction, cancelling, orders_in, remembered_in, times_in
from streamproc.core.errors import NoBundleError
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.units import Micros
from tests.support.bundles import Files, bundle, found, made, verified
from tests.support.events import histories
from tests.support.logs import Log
from tests.support.stories import MAPPING

some = settings(
    max_examples=settings().max_examples * 5 // 8, suppress_health_check=[HealthCheck.too_slow], deadline=None
)
kinds = st.sampled_from(["plain", "signed", "redacted"])


@some
@given(kind=kinds, data=st.data())
def test_a_byte_that_was_changed_is_found(kind: str, data: st.DataObject) -> None:
    """In any file, at any place, to any other; the file is named."""
    files = bundle(kind)
    name = data.draw(st.sampled_from(files.names))
    content = bytearray(files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        findings = found(files.but(name, bytes(content)))
    except NoBundleError:
        assert name == MANIFEST  # it became one of a later format
        return
    assert any(name in each.sentence for each in findings)


@some
@given(kind=kinds, data=st.data())
def test_lines_that_were_dropped_doubled_or_swapped_are_found(kind: str, data: st.DataObject) -> None:
    """In any file of lines; the file is named, and where the sums were made anew the fold or the order still tells."""
    files = bundle(kind)
    name = data.draw(st.sampled_from([*TOPICS, CHAIN]))
    rows = files[name].splitlines(keepends=True)
    at = data.draw(st.integers(0, len(rows) - 2))
    for altered in (
        rows[:at] + rows[at + 1 :],
        rows[: at + 1] + rows[at:],
        [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]],
    ):
        changed = files.but(name, b"".join(altered))
        assert name in {each.file for each in found(changed)}
        assert found(changed.summed())


@some
@given(kind=kinds, data=st.data())
def test_files_that_were_dropped_or_added_are_found(kind: str, data: st.DataObject) -> None:
    """Each is missed, but for the manifest: without it, it isn't a bundle. One more is found, also of the same name."""
    files = bundle(kind)
    name = data.draw(st.sampled_from([each for each in files.names if each != MANIFEST]))
    assert name in {each.file for each in found(files.but(name, None)) if each.kind == "left out"}
    assert "more.jsonl" in {each.file for each in found(files.but("more.jsonl", b"{}\n")) if each.kind == "added"}
    twice = Files([*files.files, (name, files[name])])
    assert name in {each.file for each in found(twice) if each.kind == "added"}


Changes = list[dict[str, Any]]


def altered(files: Files, name: str, at: int, change: dict[str, Any]) -> Files:
    """With some of the value altered, in line `at`, and all sums made anew."""
    rows = files[name].splitlines(keepends=True)
    line = line_of(rows[at].strip())
    raw = orjson.loads(line.value or b"")
    value = orjson.dumps(raw | change, option=orjson.OPT_SORT_KEYS)
    rows[at] = Line(line.partition, line.offset, line.timestamp, line.key, value).encoded()
    return files.but(name, b"".join(rows)).summed()


@some
@given(kind=st.sampled_from(["plain", "redacted"]), data=st.data())
def test_a_record_that_was_altered_with_its_sums_is_found_by_the_fold(kind: str, data: st.DataObject) -> None:
    """Named with its file, line, user and seq, and with what it says instead."""
    files = bundle(kind)
    at = data.draw(st.integers(0, files[RECORDS].count(b"\n") - 1))
    changes: Changes = [{"desired": {}}, {"effect": "stale"}, {"mapping": "0" * 16}, {"as_of": 1}]
    change = data.draw(st.sampled_from(changes))
    raw = orjson.loads(line_of(files[RECORDS].splitlines()[at]).value or b"")
    assume(any(raw[name] != value for name, value in change.items()))
    finding = found(altered(files, RECORDS, at, change))[0]
    assert (finding.kind, finding.file, finding.line) == ("altered", RECORDS, at + 1)
    assert (finding.user, finding.seq) == (raw["user"], raw["seq"])
    assert f"{next(iter(change))}" in finding.what


@some
@given(data=st.data())
def test_an_event_that_was_altered_with_its_sums_is_found_by_the_fold(data: st.DataObject) -> None:
    """What it led to isn't what is recorded: the first record that differs is the event's own."""
    files = bundle("plain")
    events = [line_of(each) for each in files[EVENTS].splitlines()]
    at = data.draw(
        st.sampled_from([at for at, line in enumerate(events) if b'"kind":"snapshot"' in (line.value or b"")])
    )
    changes: Changes = [{"attributes": {}}, {"event": "other"}, {"subject": "other"}, {"reason": "why"}]
    change = data.draw(st.sampled_from(changes))
    findings = found(altered(files, EVENTS, at, change))
    line = events[at]
    assert (RECORDS, (line.key or b"").decode(), line.offset) in {(each.file, each.user, each.seq) for each in findings}


@some
@given(kind=st.sampled_from(["plain", "redacted"]), data=st.data())
def test_a_manifest_that_was_altered_with_its_sum_is_found(kind: str, data: st.DataObject) -> None:
    """Counts, ranges and lengths are computed again."""
    files = bundle(kind)
    manifest = orjson.loads(files[MANIFEST])
    table = data.draw(st.sampled_from(["counts", "ranges", "files"]))
    name = data.draw(st.sampled_from(sorted(manifest[table])))
    manifest[table][name] = data.draw(st.sampled_from([None, 7_777, {}, "x"]))
    assert found(files.resealed(manifest))
    del manifest[table][name]
    assert found(files.resealed(manifest))


@settings(some, max_examples=90)
@given(kind=kinds, data=st.data())
def test_no_zip_file_breaks_whoever_reads_it(kind: str, data: st.DataObject) -> None:
    """Any bytes changed, cut off or added: a finding, or it isn't a bundle, or (in what a zip says besides) nothing."""
    content = bytearray(bundle(kind).zipped())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.sampled_from([None, None, len(content) // 2, 21, 0]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle.zip"
        file.write_bytes(bytes(content[:end]) + data.draw(st.sampled_from([b"", b"", b"more"])))
        with suppress(NoBundleError):
            verify(file)


@some
@given(kind=kinds, name=st.sampled_from([*TOPICS, CHAIN, MANIFEST, SUMS]), data=st.data())
def test_no_content_breaks_whoever_reads_it(kind: str, name: str, data: st.DataObject) -> None:
    """A line of anything, with sums that fit: it is found."""
    files = bundle(kind)
    junk = [b"", b"[]", b"{}", b"null", b"[" * 2000, b'{"user":1,"partition":"x"}', b"\xff\xfe", b'{"format":1}', b'""']
    values = ["", "[]", "{}", '{"user":"U","seq":"x"}', '{"kind":"mapping"}', '{"user":"x","seq":1e99}']
    place = {"partition": 0, "offset": 10**9, "timestamp": 1, "key": "U-0-770"}
    junk += [orjson.dumps(place | {"value": value}) for value in values]
    rows = files[name].splitlines(keepends=True)
    at = data.draw(st.integers(0, len(rows)))
    rows.insert(at, data.draw(st.sampled_from(junk)) + b"\n")
    changed = files.but(name, b"".join(rows))
    assert found(changed)
    if name not in {MANIFEST, SUMS}:
        assert found(changed.summed())


@some
@given(
    events=st.lists(
        st.one_of(histories(user="E1", dated=True), histories(user="E2", source="okta", subject="a/b", dated=True)),
        min_size=1,
        max_size=3,
    ),
    redact=st.booleans(),
    ago=st.lists(st.sampled_from([0, 1, 2, 20, 29, 31, 60]), min_size=18, max_size=18),
    pauses=st.lists(st.sampled_from([0, 0, 0, 1, 15, 31]), min_size=18, max_size=18),
)
def test_any_history_makes_a_bundle_that_verifies(
    events: list[list[ChangeEvent]], redact: bool, ago: list[int], pauses: list[int]
) -> None:
    """Redacted or not: of the same number of records, with the same operations. Said days `ago`, with `pauses`."""
    log = Log(MAPPING)
    for number, event in enumerate(event for each in events for event in each):
        log.clock += pauses[number] * NEAR // 1000
        order = (Micros(event.order[0] - ago[number] * NEAR), *event.order[1:])
        log.say(event.user, event.attributes, source=event.source, subject=event.subject, event=event.event,
                kind=event.kind, effective=event.effective, row=event.row, cancels=event.cancels, order=order,
                reason=f"{number} of E1")  # fmt: skip
    plain = made(log)
    assert verified(plain).equal
    if redact:
        redacted = made(log, redact=b"r" * 32)
        assert verified(redacted).counts == verified(plain).counts
        assert verified(redacted).equal


@some
@given(history=histories(dated=True, subject="s/1"), key=st.binary(min_size=16, max_size=16))
def test_what_stands_in_keeps_its_order(history: list[ChangeEvent], key: bytes) -> None:
    """Of orders and moments; and moments stay as far apart as any rule looks."""
    places = Places()
    for event in history:
        places.take(
            [(event.origin, event.subject)], orders_in(event), times_in(event), cancelling(event), remembered_in(event)
        )
    places.settle()
    redaction = Redaction(key, "E1", Facts([]), places)
    hidden = [redaction.event(event) for event in history]
    assert len({each.user for each in hidden}) == len({each.subject for each in hidden}) == 1
    assert len({each.event for each in hidden}) == len({each.event for each in history})
    pairs = list(zip(history, hidden, strict=True))
    for one, his in pairs:
        for other, hers in pairs:
            assert (one.order < other.order) == (his.order < hers.order)
            assert (one.origin.offset < other.origin.offset) == (his.origin.offset < hers.origin.offset)
            apart, now = one.order[0] - other.order[0], his.order[0] - hers.order[0]
            assert apart == now or min(abs(apart), abs(now)) > NEAR


@some
@given(st.data())
def test_a_seq_counted_anew_has_as_many_before_it(data: st.DataObject) -> None:
    """Whatever lies between a user's own."""
    seqs = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1, max_size=8)))
    new = sorted(data.draw(st.sets(st.integers(0, 60), min_size=len(seqs), max_size=len(seqs))))
    seq = data.draw(st.integers(-1, 70))
    assert sum(each <= seq for each in seqs) == sum(each <= seq_among(seqs, new, seq) for each in new)
    assert (seq in seqs) == (seq_among(seqs, new, seq) in new) or seq < seqs[-1]
