"""Asked: when a date has come that a report told, the report is asked whether it still says so.

A reading of what was entered since the last one may leave out whose termination was rescinded, and of a hire that was
known from a row ahead alone nothing says that they are active. The next whole reading is up to a day away.
"""

from collections.abc import Iterator

from streamproc.core.fold.effective_dating import as_of, upcoming
from streamproc.core.records.change_event import SourceFacts
from streamproc.core.records.fact_names import ACTIVE
from streamproc.core.records.headers import KIND, SUBJECT
from streamproc.core.records.producer_record import Record
from streamproc.core.records.user_record import UserRecord
from streamproc.sources import workday


def due_refetches(record: UserRecord, now: int) -> Iterator[Record]:
    """The notifications by which subjects are fetched whose dates have come by `now` (ms since 1970).

    Only of reports, and only where a row takes access or gives it, or the subject is without it: not each of many whose
    titles change on one day.
    """
    for name, facts in record.facts.items():
        source, _, subject = name.partition("/")
        if source == workday.SOURCE and _turned(facts, record.as_of, now):
            key = subject.encode("utf-8", "replace")
            yield Record(f"notifications.{source}", key, b"{}", [(KIND, b"due"), (SUBJECT, key)])


def _turned(facts: SourceFacts, before: int, now: int) -> bool:
    come = [row for row, at in upcoming(facts, before).items() if at <= now * 1000]
    turns = any(ACTIVE in facts.rows[row].attributes for row in come)
    return turns or (bool(come) and as_of(facts, now)[0].get(ACTIVE) is not True)
