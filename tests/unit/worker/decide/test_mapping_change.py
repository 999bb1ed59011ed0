"""What a record of kind `mapping` changes: nothing, the plans of everybody, or also which facts are read."""

from dataclasses import replace

import pytest

from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.records.change_event import ChangeEvent, NewMapping, Origin
from streamproc.core.records.mapping_in_force import SOURCE, MappingInForce
from streamproc.core.records.units import Micros, Millis
from streamproc.worker.decide.mapping_change import MappingChange, mapping_change

NOW = 1_780_000_000_000
OLD, SAME_FACTS, OTHER_FACTS = (
    f'[attributes]\ntitle = "{title}"\n\n[[rule]]\nwhen = {{ job = "Agent" }}\nskills = {{ Spanish = {level} }}\n'
    for title, level in (("job", 3.0), ("job", 4.0), ("department", 3.0))
)


def ordered(text: str, offset: int) -> ChangeEvent:
    """The event of an operator's order, which lies at this offset of the controls."""
    digest = parse_mapping(text).digest
    origin = Origin("streamproc.controls", 0, offset, Millis(NOW))
    return ChangeEvent(
        "", SOURCE, "", digest, "mapping", (Micros(0), 0, ""), {}, origin, "why", mapping=NewMapping(text, "Kim")
    )


def changed(event: ChangeEvent) -> MappingChange | None:
    """What the event changes where OLD is in force since an order at offset 5."""
    digest = parse_mapping(OLD).digest
    known = MappingInForce(1, digest, OLD, "Kim", "why", Origin("streamproc.controls", 0, 5, Millis(NOW)), Millis(NOW))
    return mapping_change(known, compiled(digest, OLD), 9, Millis(NOW + 1), event)


@pytest.mark.parametrize(("text", "reheard"), [(SAME_FACTS, False), (OTHER_FACTS, True)])
def test_another_mapping_plans_everybody_anew(text: str, reheard: bool) -> None:
    """And where it reads other facts, what was said of those is read again."""
    change = changed(ordered(text, 6))
    assert change is not None
    assert (change.in_force.seq, change.in_force.text) == (9, text)
    assert change.mapping.digest == parse_mapping(text).digest
    assert (change.reheard, change.replanned) == (reheard, True)


def test_the_first_mapping_plans_nobody_anew() -> None:
    """What lies before it was folded by it already."""
    event = ordered(OLD, 6)
    change = mapping_change(None, compiled(event.event, OLD), 0, Millis(NOW), event)
    assert change is not None
    assert (change.reheard, change.replanned) == (False, False)


@pytest.mark.parametrize(("text", "offset"), [(OLD, 6), (OTHER_FACTS, 5), (OTHER_FACTS, 4)])
def test_a_repeat_changes_nothing(text: str, offset: int) -> None:
    """The same mapping, the same order, or one from before it."""
    assert changed(ordered(text, offset)) is None


def test_what_brings_no_mapping_is_refused() -> None:
    """Or another than the one that it names."""
    event = ordered(SAME_FACTS, 6)
    with pytest.raises(MappingError, match="no mapping in it"):
        changed(replace(event, mapping=None))
    with pytest.raises(MappingError, match="its text is that of"):
        changed(replace(event, mapping=NewMapping(OTHER_FACTS, "Kim")))
