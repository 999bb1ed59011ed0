"""What was found to disagree by a moment, who had changed it, and what was ordered of it."""

from dataclasses import replace

import orjson

from streamproc.audit.asof.answer import as_object
from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.text import row
from streamproc.core.records.control import Control
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from tests.support.asof_log import MINUTE, NOON, Log, hired, lines, request

SECONDS = 1000
KIM = Changed(Millis(NOON + 61 * SECONDS), "c-1", "p-1", "Kim Berg", "entry-9")
BACK = Difference("active", "changed", "own", False, True, "reactivated in the target", KIM)
TITLE = Difference("title", "unknown", "observe", "Agent", "Boss", "nobody knows by whom")
FOUND = Finding("E1", "7", "ana@example.com", [BACK, TITLE], Millis(NOON + 90 * SECONDS), Millis(NOON + 70 * SECONDS),
                seq=1, offset=0, incident=True)  # fmt: skip


def left() -> Log:
    """Ana was hired, and was found to have access that she isn't to have."""
    log = Log()
    hired(log)
    log.find(FOUND)
    return log


def test_the_answer_tells_what_disagreed_and_by_whom() -> None:
    """With who had changed it, when, and where to look it up; each difference with what was held."""
    told = lines(left(), 5)
    begin = told.index(
        "Found in the target: AN INCIDENT, since 2026-11-24T12:01:10Z, "
        "last at 2026-11-24T12:01:30Z (scim.findings/0@0, by the record of 1)"
    )
    whom = "by Kim Berg with client c-1 at 2026-11-24T12:01:01Z (audit entry entry-9)"
    assert told[begin + 1 :] == [
        f"active: true held, false desired; changed: reactivated in the target; {whom}",
        'title (observe): "Boss" held, "Agent" desired; unknown: nobody knows by whom',
    ]


def test_what_was_found_later_does_not_count() -> None:
    """The answer is the log's as it stood then."""
    assert not any("Found" in line for line in lines(left(), 1.5))


def test_orders_of_what_was_found_are_told_with_it() -> None:
    """Who ordered what, why and when, and whether it was done; not those of what was found before."""
    log = left()
    log.order(Control("i-0", "ignore", "E1", 0, "Lee", "the first time", Millis(0)))
    log.say("okta", "00u1")
    log.find(replace(FOUND, differences=[TITLE], incident=False))
    log.order(Control("i-1", "ignore", "E1", 2, "Kim Berg", "asked her", Millis(0)))
    log.order(Control("r-1", "release", "E1", 2, "Kim Berg", "another thing", Millis(0)))
    waiting = lines(log, 5)
    assert waiting[-1] == "ignore ordered 2026-11-24T12:03:00Z by Kim Berg: asked her"
    assert not any("the first time" in line for line in waiting)
    log.find(replace(FOUND, differences=[TITLE], incident=False, answered="i-1"))
    assert lines(log, 5)[-1] == "ignore ordered 2026-11-24T12:03:00Z by Kim Berg: asked her, done"


def test_what_agrees_again_is_told() -> None:
    """The newest finding counts, also where it says that there is nothing any more."""
    log = left()
    log.find(replace(FOUND, differences=[], incident=False, at=Millis(NOON + 3 * MINUTE)))
    assert lines(log, 5)[-1].startswith("Nothing disagreed in the target any more when it was looked at, at 2026-11-24")


def test_what_the_target_has_acknowledged_since_is_newer() -> None:
    """Whoever reads that something disagreed sees that the target was written since."""
    log = left()
    log.tell("delivered", request(1, NOON + 2 * MINUTE, holds={"active": False}))
    assert "what the target has acknowledged, above, is newer" in lines(log, 5)
    (answer,) = as_of(log.history(), NOON + 5 * MINUTE)
    assert "found" not in row(answer)[-1]


def test_the_table_and_json_have_it_too() -> None:
    """In a row what it is, in JSON all of it."""
    (answer,) = as_of(left().history(), NOON + 5 * MINUTE)
    assert row(answer)[-1].endswith("found AN INCIDENT: active changed, title unknown")
    found = orjson.loads(orjson.dumps(as_object(answer)))["found"]
    assert found["differences"][0]["changed"]["name"] == "Kim Berg"
    assert (found["offset"], found["incident"], found["seq"]) == (0, True, 1)


def test_strangers_findings_are_passed_over() -> None:
    """One under another user's key, or that can't be read, says nothing of that user."""
    log = left()
    for value in (b"{", None, orjson.dumps(replace(FOUND, user="E2", differences=[]))):
        log.beside.append(StoredRecord(FINDINGS, 0, len(log.beside), Millis(log.now), b"E1", value))
    assert any("AN INCIDENT" in line for line in lines(log, 5))
