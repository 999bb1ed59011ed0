"""What is read of encoded records without decoding them."""

import orjson
import pytest

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.worker.decide.encoded_record import effect_of, planned_otherwise, regresses, seq_of

MAPPING = parse_mapping('[attributes]\ntitle = "job"\n')


def record(seq: int, job: str, user: str = "E1") -> bytes:
    """What is known of a user after their first event."""
    origin = Origin("events.hris", 0, seq, Millis(1_780_000_000_000))
    facts = {"job": job, "hash": '"effect":"stale","seq":9,'}
    event = ChangeEvent(user, "hris", user, f"e{seq}", "change", (Micros(1), 0, f"e{seq}"), dict(facts), origin)
    return orjson.dumps(fold(None, seq, event, MAPPING))


@pytest.mark.parametrize("user", ["E1", '"seq":8,', '{"effect":"stale"}'])
def test_text_cant_pass_for_a_member(user: str) -> None:
    """Quotes within text are escaped, so neither a user's ID nor a fact is taken for what is looked for."""
    value = record(7, "Agent", user)
    assert (seq_of(value), effect_of(value)) == (7, b"changed")


def test_only_an_older_record_regresses() -> None:
    """The same one again, or the first one, doesn't."""
    assert regresses(record(8, "Agent"), record(7, "Agent"))
    assert not regresses(record(7, "Agent"), record(7, "Agent"))
    assert not regresses(None, record(7, "Agent"))


def test_a_user_counts_as_planned_otherwise_by_the_record_of_that_change() -> None:
    """Also where the record was written before a crash, and not where it is of another event."""
    assert planned_otherwise(record(3, "Lead"), record(7, "Agent"), 7)
    assert planned_otherwise(record(7, "Agent"), None, 7)
    assert not planned_otherwise(record(3, "Lead"), None, 7)
    assert not planned_otherwise(record(3, "Lead"), record(7, "Agent").replace(b'"changed"', b'"applied"'), 7)
