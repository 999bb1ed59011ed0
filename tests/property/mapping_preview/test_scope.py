"""What if, of scope and suspension: equal to what bringing the mapping into force does, the first scope included."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping_switch import facts_heard
from streamproc.core.fold.plan import plan
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.user_record import UserRecord
from tests.property.mapping_preview.test_whatif import (
    PLAIN,
    QUEUED,
    anew,
    events,
    few,
    logs,
    mapping,
    recorded,
    ruling,
    told,
)

SCOPED = (
    PLAIN
    + """
[scope]
who = 'job in ["Agent", "Team Lead"] && hash != "Billing"'
[suspend]
when = 'genesysQueue == "Billing"'
"""
)
RELEASING = (
    PLAIN
    + """
[scope]
who = 'genesysRole == "Agent" || has(facts.unread)'
leaving = "release"
blank = "leave"
"""
)
TEXTS = (PLAIN, QUEUED, SCOPED, RELEASING)
NEVER = 1 << 62
"""ms since 1970: nothing of the time before is asked for."""


def applied(log: list[StoredRecord], text: str) -> dict[str, tuple[UserRecord, UserRecord]]:
    """Each user's record as it is when all dates have come, and the next one, by which that mapping is in force."""
    _, newest, old = recorded(log)
    new = mapping(text)
    heard = facts_heard((event for _, event in events(log)), new.facts)
    found: dict[str, tuple[UserRecord, UserRecord]] = {}
    for user, record in newest.items():
        was = anew(record, old)
        found[user] = was, was
        if new.digest != old.digest:
            order = ruling(text, 10**9)
            facts = None if new.facts == old.facts else heard[user]
            found[user] = was, fold(was, 10**6 + 1, replace(order, user=user), new, facts)
    return found


@few
@given(log=logs(TEXTS), text=st.sampled_from(TEXTS), since=st.sampled_from([None, NEVER]))
def test_whatif_tells_what_applying_does(log: list[StoredRecord], text: str, since: int | None) -> None:
    """Operations by kind, who enters, leaves and is suspended: as the records say that a switch makes of everybody."""
    impact = told(log, text, since)
    sent: Counter[str] = Counter()
    enter = leave = suspend = 0
    for was, then in applied(log, text).values():
        sent.update(each.op for each in plan(was.desired, then.desired))
        had = "scope" not in was.desired and was.desired.get("active") is not False
        enter += "scope" in was.desired and "scope" not in then.desired
        leave += had and "scope" in then.desired
        suspend += had and "suspended" in then.desired
    assert impact.operations == sent
    assert (impact.enter, impact.leave, impact.suspend) == (enter, leave, suspend)
    assert impact.enter + impact.leave + impact.suspend <= impact.users
