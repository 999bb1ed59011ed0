"""The report without a page: lines for the terminal, CSV for spreadsheets, JSON for programs."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from streamproc.audit.revocations.latency import HOPS, Leaver, Line, Report, Spread, State, hops
from streamproc.audit.revocations.report.words import (
    CAUSE_WORDS,
    HOP_WORDS,
    LONGEST,
    STATE_WORDS,
    back_in,
    duration,
    moment,
    period,
    rfc3339,
    slowest,
)
from streamproc.core.shown import shown

LISTED: Final = 50
"""Leavers of one kind that the terminal shows; the other formats have all."""
_FORMULA: Final = re.compile(r"(^|[;,|])([ '\"]*)([=+\-@＝＋－＠])")
"""What a spreadsheet computes: at the beginning of a cell, and after what it takes for the end of one, which depends on
where it was bought. Full-width signs are computed, too (OWASP, CSV Injection)."""


def lines(report: Report) -> list[str]:
    """Lines for the terminal."""
    counts = {state: len(report.of(state)) for state in get_args(State)}
    waiting = sum(leaver.state == "open" for leaver in report.late)
    output = [
        f"Revocations, {period(report.first, report.end)}; limit {duration(report.limit)}",
        f"{counts['revoked']} revoked, {len(report.breaches)} of them late",
        f"{counts['open']} open, {waiting} of them over the limit",
        f"{counts['kept']} kept active by decision",
        f"{counts['withdrawn']} withdrawn, {counts['nothing']} with nothing to revoke",
        *([f"{counts['missing']} FATE MISSING: see streamproc replay --verify"] if counts["missing"] else []),
        "",
        *_columns(("", "n", "p50", "p99", "maximum", "over"), _spreads(report)),
        "",
        *_columns(
            ("hop", "share", "p50", "p99", "maximum", "n"),
            ((HOP_WORDS[p.hop], f"{p.share:.1%}", *_values(p.spread), str(p.spread.n)) for p in report.parts),
        ),
        "",
        *_lines("source", [(shown(one.source, LONGEST), one) for one in report.lines]),
        *(["", *_lines("cause", [(CAUSE_WORDS[one.source], one) for one in report.causes])] if report.causes else []),
    ]
    for title, chosen in (
        ("over the limit", report.late),
        ("activated again in Genesys", report.reactivated),
        ("fate missing", report.of("missing")),
        ("kept active by decision", report.of("kept")),
    ):
        if chosen:
            output += ["", f"{title}:", *(_line(leaver, report.end) for leaver in chosen[:LISTED])]
        if len(chosen) > LISTED:
            output.append(f"  and {len(chosen) - LISTED} more: see --format csv")
    return output


def _lines(title: str, named: Iterable[tuple[str, Line]]) -> list[str]:
    rows = ((name, str(one.clock.n), *_values(one.clock), str(one.late)) for name, one in named)
    return _columns((title, "revoked", "p50", "p99", "maximum", "over"), rows)


def _spreads(report: Report) -> list[tuple[str, ...]]:
    rows = [
        ("on the clock", report.clock, str(len(report.breaches))),
        ("since they left, by the source", report.since_effective, str(report.over_effective)),
        ("since appended", report.since_appended, ""),
        ("from read back to sessions ended", report.sessions, ""),
    ]
    return [(name, str(spread.n), *_values(spread), over) for name, spread, over in rows]


def _values(spread: Spread) -> tuple[str, str, str]:
    p50, p99, most = ("-" if ms is None else duration(ms) for ms in (spread.p50, spread.p99, spread.maximum))
    return p50, p99, most


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table: the first column flush left, numbers flush right."""
    table = [head, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(head))]
    return ["  ".join(f"{cell:{'>' if at else '<'}{widths[at]}}" for at, cell in enumerate(row)) for row in table]


def _line(leaver: Leaver, end: int) -> str:
    who, time = shown(leaver.user, LONGEST), duration(leaver.elapsed(end))
    words = (
        "" if leaver.cause == "source" else CAUSE_WORDS[leaver.cause],
        back_in(leaver, end),
        slowest(leaver) if leaver.state == "revoked" else "",
        shown(leaver.why, LONGEST),
        shown(leaver.reason or "", LONGEST) if leaver.cause == "reactivation" else "",
    )
    why = "; ".join(filter(None, words))
    return f"  {who:<20} {STATE_WORDS[leaver.state]:<12} {time:>12}  from {moment(leaver.start)}  {why}"


COLUMNS: Final = (
    *("user", "source", "cause", "state", "over_limit", "partition", "seq", "reason", "why"),
    *("effective", "effective_said", "effective_zone", "source_time", "received", "appended", "changed", "folded"),
    *("sent", "acknowledged", "read_back", "sessions_ended", "clock_started", "stopped", "attempts"),
    *("clock_ms", "since_effective_ms", "since_appended_ms"),
)


def row(leaver: Leaver, report: Report) -> dict[str, Any]:
    """One leaver as JSON: `COLUMNS` and `hops`. Moments are RFC 3339 in UTC, null where they aren't known."""
    effective, stopped = leaver.effective, leaver.stopped
    revoked = leaver.state == "revoked" and stopped is not None
    return {
        "user": leaver.user,
        "source": leaver.source,
        "cause": leaver.cause,
        "state": leaver.state,
        "over_limit": leaver.state in {"revoked", "open"} and leaver.elapsed(report.end) > report.limit,
        "partition": leaver.partition,
        "seq": leaver.seq,
        "reason": leaver.reason,
        "why": leaver.why or None,
        "effective": None if effective is None else rfc3339(leaver.left),
        "effective_said": effective.said if effective else None,
        "effective_zone": effective.zone if effective else None,
        "source_time": rfc3339(leaver.source_time // 1000),
        "received": _moment(leaver.received),
        "appended": _moment(leaver.appended),
        "changed": _moment(leaver.changed),
        "folded": _moment(leaver.folded),
        "sent": _moment(leaver.sent),
        "acknowledged": _moment(leaver.acknowledged),
        "read_back": _moment(leaver.read_back),
        "sessions_ended": _moment(leaver.sessions_ended),
        "clock_started": _moment(leaver.start),
        "stopped": _moment(stopped),
        "attempts": leaver.attempts,
        "clock_ms": leaver.elapsed(report.end),
        "since_effective_ms": max(0, stopped - leaver.left) if revoked and stopped is not None else None,
        "since_appended_ms": max(0, stopped - leaver.appended) if revoked and stopped is not None else None,
        "hops": hops(leaver),
    }


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON. Durations are in ms, shares from 0 to 1; who waited longest comes first in `leavers`."""
    return {
        "from": rfc3339(report.first),
        "to": rfc3339(report.end),
        "limit_ms": report.limit,
        "breaches": len(report.breaches),
        "open": len(report.of("open")),
        "open_over_limit": sum(leaver.state == "open" for leaver in report.late),
        "kept": len(report.of("kept")),
        "withdrawn": len(report.of("withdrawn")),
        "nothing": len(report.of("nothing")),
        "missing": len(report.of("missing")),
        "clock": report.clock,
        "since_effective": report.since_effective,
        "over_limit_since_effective": report.over_effective,
        "since_appended": report.since_appended,
        "sessions": report.sessions,
        "hops": report.parts,
        "sources": report.lines,
        "causes": report.causes,
        "leavers": [row(leaver, report) for leaver in report.leavers],
    }


def as_csv(report: Report) -> str:
    """The report as CSV, one line per leaver. What a spreadsheet takes for a formula gets an apostrophe in front.

    Others' text is as `shown` has it; JSON has it exactly.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow([*COLUMNS, *(f"hop_{hop}_ms" for hop in HOPS)])
    for leaver in report.leavers:
        values = row(leaver, report)
        took = values.pop("hops")
        writer.writerow([_cell(values[name]) for name in COLUMNS] + [took.get(hop) for hop in HOPS])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub(r"\1\2'\3", shown(value)) if isinstance(value, str) else value


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
