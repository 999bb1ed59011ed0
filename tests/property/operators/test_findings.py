"""Who lists findings and who carries out orders about them agree on which order still waits."""

from dataclasses import replace
from typing import Any, Final, cast

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.core.records.control import SKEW, Control
from streamproc.core.records.finding import Difference, Finding
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.operators.controls import order
from streamproc.operators.findings import current_findings
from streamproc.reconcile.finding_store import FindingStore
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

ORPHAN = Difference("account", "orphan", "own", None, {"active": True}, "nobody knows them")
ORDER = Control("o-1", "ignore", None, 0, "Kim", "why", Millis(9), account="g-2")
LATER: Final = Millis(ORDER.at + SKEW + 1)
"""When something was found of which the order can't be: that one was given in another topic."""


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """About one account: in one of three ways, or over; answered or not."""
    held = draw(st.sampled_from([True, False, None]))
    differences = draw(st.sampled_from([[], [replace(ORPHAN, held={"active": held})]]))
    answered = draw(st.sampled_from([None, None, None, ORDER.id, "o-0"]))
    at, first = Millis(draw(st.integers(0, 9))), draw(st.sampled_from([Millis(1), LATER]))
    return Finding(None, "g-2", "r@b.example", differences, at, first, answered=answered)


@example([Finding(None, "g-2", None, [ORPHAN], LATER, LATER)], 0)
@given(st.lists(findings(), min_size=1, max_size=6), st.integers(0, 6))
async def test_an_order_waits_for_both_or_for_neither(found: list[Finding], since: int) -> None:
    """An operator who is told that an order waits isn't told so for ever, and one that will be obeyed isn't hidden."""
    kafka = MemoryLog(MemoryBroker(1, lambda: 5))
    control = replace(ORDER, since=since)
    for finding in found:
        await kafka.producer().send_and_wait(FINDINGS, orjson.dumps(finding), finding.key.encode())
    await order(kafka, [control])
    store = FindingStore(cast("Any", None))
    for offset, finding in enumerate(found):
        store._note(finding, offset)
    (current,) = (await current_findings(kafka)).values()
    obeyed = store.meant(control) is not None and control.id not in store.answered
    assert (current.state == "ordered") == (obeyed and found[-1].answered is None)
    assert not obeyed or found[-1].since < LATER
