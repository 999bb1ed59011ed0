"""Words: moments, durations and other people's text, as a report shows them."""

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from streamproc.audit.revocations.latency import Hop, Leaver, State, hops

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
LONGEST: Final = 300
"""Characters of other people's text; CSV and JSON have all of it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(ms: int) -> str:
    """Two units at most: 412 ms, 1.24 s, 4 min 5 s, 3 d 4 h."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000 and ms % 1000 == 0:
        return f"{ms // 1000} s"
    if ms < 60_000:
        return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms // 100 / 10:.1f} s"
    seconds = ms // 1000
    at = next(place for place, (size, _) in enumerate(_UNITS) if seconds >= size)
    (size, unit), (lower, lower_unit) = _UNITS[at], _UNITS[at + 1]
    rest = seconds % size // lower
    return f"{seconds // size} {unit}" + (f" {rest} {lower_unit}" if rest else "")


def moment(ms: int) -> str:
    """UTC, to the millisecond: 2026-03-02 09:00:00.123."""
    return rfc3339(ms)[:-1].replace("T", " ")


def minute(ms: int) -> str:
    """UTC, to the minute: 2026-03-02 09:00."""
    return moment(ms)[:16]


def period(first: int, end: int) -> str:
    """From when to when, no more exactly than needed."""
    said = minute if first % 60_000 == end % 60_000 == 0 else moment
    return f"{said(first)} to {said(end)} UTC"


def rfc3339(ms: int) -> str:
    """For machines: 2026-03-02T09:00:00.123Z. What no calendar has is told as it is."""
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{ms} ms"


def shown(text: str, longest: int = LONGEST) -> str:
    """Other people's text; characters that move a cursor, turn the direction of reading or hide are named instead."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in cut)


def html(text: str, longest: int = LONGEST) -> str:
    """The same within HTML, as text or as an attribute's quoted value."""
    return escape(shown(text, longest))


def left(leaver: Leaver) -> str:
    """What the moment is at which they left, by the source: its date, as it wrote it, or only the event's own time."""
    effective = leaver.effective
    if effective is None:
        return "time of the event"
    zone = f", {effective.zone}" if effective.zone else ""
    return f"as written: {effective.said}{zone}" if effective.said else "date"


def slowest(leaver: Leaver) -> str:
    """Which two hops took longest."""
    longest = sorted(((took, hop) for hop, took in hops(leaver).items() if took), reverse=True)[:2]
    attempts = [f"{leaver.attempts} requests"] if leaver.attempts > 1 else []
    return ", ".join([f"{HOP_WORDS[hop].lower()} {duration(took)}" for took, hop in longest] + attempts)
