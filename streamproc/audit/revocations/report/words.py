"""Moments, durations and other people's text, as a report shows them."""

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from streamproc.audit.revocations.latency import Hop, Leaver, State, hops
from streamproc.core.shown import shown

HOP_WORDS: Final[dict[Hop, str]] = {
    "take-in": "Taken in",
    "resolve": "Resolved",
    "fold": "Folded",
    "queue": "Waited to be sent",
    "target": "Acknowledged",
    "confirm": "Confirmed",
}
HOP_MEANING: Final[dict[Hop, str]] = {
    "take-in": "From the gateway's receipt until Kafka had the source's event.",
    "resolve": "Until it was known whose account it is and the change stood in the log; for a date announced ahead, "
    "until its passing was noticed.",
    "fold": "Until the new desired state was computed and written.",
    "queue": "Until the first request went out: queue, rate limit, mass guard, an operator.",
    "target": "Until Genesys Cloud acknowledged the deactivation, retries included.",
    "confirm": "Until Genesys Cloud, asked again, said that the user is inactive.",
}
STATE_WORDS: Final[dict[State, str]] = {
    "revoked": "revoked",
    "open": "open",
    "kept": "kept active",
    "withdrawn": "withdrawn",
    "nothing": "nothing to revoke",
    "missing": "fate missing",
}
CAUSE_WORDS: Final[dict[str, str]] = {
    "source": "by a source's word",
    "scope": "by the mapping's scope",
    "suspension": "by suspension",
    "reactivation": "activated again in Genesys",
}
LONGEST: Final = 300
"""Characters shown of other people's text; CSV and JSON have all of it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(ms: int) -> str:
    """A duration in two units at most: 412 ms, 1.24 s, 4 min 5 s, 3 d 4 h."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000 and ms % 1000 == 0:
        return f"{ms // 1000} s"
    if ms < 60_000:
        return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms // 100 / 10:.1f} s"
    seconds = ms // 1000
    at = next(index for index, (size, _) in enumerate(_UNITS) if seconds >= size)
    (size, unit), (lower, lower_unit) = _UNITS[at], _UNITS[at + 1]
    rest = seconds % size // lower
    return f"{seconds // size} {unit}" + (f" {rest} {lower_unit}" if rest else "")


def moment(ms: int) -> str:
    """A moment in UTC, to the millisecond: 2026-03-02 09:00:00.123."""
    return rfc3339(ms)[:-1].replace("T", " ")


def minute(ms: int) -> str:
    """A moment in UTC, to the minute: 2026-03-02 09:00."""
    return moment(ms)[:16]


def period(first: int, end: int) -> str:
    """A period, to the minute where that is exact."""
    spell = minute if first % 60_000 == end % 60_000 == 0 else moment
    return f"{spell(first)} to {spell(end)} UTC"


def rfc3339(ms: int) -> str:
    """A moment for programs: 2026-03-02T09:00:00.123Z. One that no calendar has stays a number."""
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{ms} ms"


def html(text: str, longest: int = LONGEST) -> str:
    """Other people's text within HTML, as text or as an attribute's quoted value."""
    return escape(shown(text, longest))


def left(leaver: Leaver) -> str:
    """Where the moment of leaving is from: the date as the source wrote it, or the event's own time."""
    effective = leaver.effective
    if effective is None:
        return "time of the event"
    zone = f", {effective.zone}" if effective.zone else ""
    return f"as written: {effective.said}{zone}" if effective.said else "date"


def back_in(leaver: Leaver, end: int) -> str:
    """How long somebody had access again whose access was given back in the target. `end`: of the period."""
    if leaver.cause != "reactivation":
        return ""
    return f"had access for {duration(max(0, (end if leaver.stopped is None else leaver.stopped) - leaver.left))}"


def slowest(leaver: Leaver) -> str:
    """The two hops that took longest, and how many requests it took."""
    longest = sorted(((took, hop) for hop, took in hops(leaver).items() if took), reverse=True)[:2]
    attempts = [f"{leaver.attempts} requests"] if leaver.attempts > 1 else []
    return ", ".join([f"{HOP_WORDS[hop].lower()} {duration(took)}" for took, hop in longest] + attempts)
