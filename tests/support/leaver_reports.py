"""Reports of a log's leavers over one day."""

from streamproc.audit.revocations.latency import LIMIT, Leaver, Report, report
from streamproc.audit.revocations.query import leavers
from streamproc.core.records.units import Millis
from tests.support.leavers import DAY, Log, at

END = DAY + 86_400_000


def told(log: Log, end: int = END, first: int = DAY) -> Report:
    """The day's report."""
    return report(leavers(log.history, end), first, end, int(LIMIT * 1000))


def only(log: Log, end: int = END) -> Leaver:
    """Its one leaver."""
    (found,) = told(log, end).leavers
    return found


def left(log: Log, user: str = "E1", clock: str = "09:00:00") -> int:
    """Somebody who works here leaves. Returns the seq."""
    log.says(user, at("08:00:00"), True)
    return log.says(user, at(clock), False, told=at(clock) - 2000, received=Millis(at(clock) - 50), reason="left")
