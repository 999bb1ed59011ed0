"""Clocks: ours, held against those of the brokers, the target and the directories, by what they tell anyway.

An HTTP answer has a `Date` in whole seconds (RFC 9110 §6.6.1), a record of a topic with `LogAppendTime` the broker's
time, and a service's state when it was said. Each gives a bound by which a clock is surely wrong, and no more is said.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import aiohttp
from pydantic import ValidationError

from streamproc.adapters.http import NotSentError, UnansweredError, moment, send
from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.core.records.service_state import decode_service_state
from streamproc.core.records.topic_names import STATUS
from streamproc.doctor.line import Line, Severity
from streamproc.topics import TOPICS

WARNED: Final = 2.0
"""Seconds: due dates are told by the worker's clock, which has to be right to the second."""
WRONG: Final = 60.0
"""Seconds from which on it is an error."""
APPENDED: Final = frozenset(
    topic.name for topic in TOPICS if topic.config.get("message.timestamp.type") == "LogAppendTime"
)
"""Topics whose records get their time from the brokers."""


async def by_http(http: aiohttp.ClientSession, url: str, about: str, clock: Callable[[], float]) -> list[Line]:
    """The clock of who answers there. It is asked without credentials: whatever the answer is, it has a date."""
    before = clock()
    try:
        reply = await send(http, "HEAD", url, {}, clock=clock)
    except (NotSentError, UnansweredError):
        return []  # which the other checks tell
    date = moment(reply.headers.get("date") or "")
    if date is None:
        return [Line("ok", "clocks", about, "tells no date")]
    return [ahead(about, surely_ahead(date, 1.0, before, clock()))]


def surely_ahead(told: float, within: float, before: float, after: float) -> float:
    """Seconds by which a clock is surely ahead of ours; below 0: behind.

    It showed a moment from `told` to `told + within`, at some moment from `before` to `after` by our clock.
    """
    return max(0.0, told - after) or min(0.0, told + within - before)


def ahead(about: str, seconds: float) -> Line:
    """The line for a clock that is surely so far ahead of ours."""
    apart = abs(seconds)
    if apart < WARNED:
        return Line("ok", "clocks", about, f"is right, as far as that shows (to {WARNED:g} s)")
    severity: Severity = "error" if apart >= WRONG else "warning"
    text = f"is {'ahead of' if seconds > 0 else 'behind'} ours by {apart:.0f} s or more"
    return Line(severity, "clocks", about, text, "see which of the two is wrong, and have both follow NTP")


def of_brokers(newest: Mapping[str, Iterable[ConsumerRecord]], now: float) -> Line:
    """By the newest time that a broker has given to a record, which lies before now. `now`: seconds since 1970."""
    told = [record.timestamp / 1000 for name, records in newest.items() if name in APPENDED for record in records]
    if not told:
        return Line("ok", "clocks", "brokers", "have given no record a time yet")
    return ahead("brokers", max(0.0, max(told) - now))


def of_services(states: Iterable[ConsumerRecord]) -> Iterator[Line]:
    """Each service's clock against the brokers': when it said how it is, and when that was appended.

    A record may wait before it is appended, so only of a clock that is ahead one is sure.
    """
    latest: dict[str, float] = {}
    for record in states:
        if STATUS not in APPENDED or record.value is None:
            continue
        try:
            state = decode_service_state(record.value)
        except ValidationError:
            continue
        latest[state.key] = (state.at - record.timestamp) / 1000
    for key, seconds in sorted(latest.items()):
        if seconds >= WARNED:
            severity: Severity = "error" if seconds >= WRONG else "warning"
            text = f"is ahead of the brokers' by {seconds:.0f} s or more"
            yield Line(severity, "clocks", key, text, "have that machine and the brokers follow NTP")
