"""Tables of the page: each a caption, heads with their scope, and other people's text escaped and isolated."""

from collections.abc import Iterable, Sequence
from typing import Final

from streamproc.audit.revocations.latency import Leaver, Line, Report, Spread
from streamproc.audit.revocations.report.words import (
    CAUSE_WORDS,
    HOP_MEANING,
    HOP_WORDS,
    STATE_WORDS,
    back_in,
    duration,
    html,
    left,
    moment,
    slowest,
)


def leaver_table(name: str, caption: str, leavers: Sequence[Leaver], report: Report, kind: str) -> Iterable[str]:
    head = (
        "User ID",
        "Source",
        "What",
        "Time",
        "Left, by the source",
        "Clock started",
        "Revoked",
        "Where it went, or why",
    )
    yield from _opened(name, caption, head, ("Time",), " class=listed")
    for leaver in leavers:
        what, revoked = STATE_WORDS[leaver.state], "" if leaver.read_back is None else moment(leaver.read_back)
        yield (
            f'<tr class="{kind}"><th scope="row"><bdi>{html(leaver.user)}</bdi></th><td>{html(leaver.source)}</td>'
            f'<td class="state">{what}</td><td class="number">{duration(leaver.elapsed(report.end))}</td>'
            f'<td class="text">{moment(leaver.left)}<br><span class="soft"><bdi>{html(left(leaver))}</bdi></span></td>'
            f'<td class="when">{moment(leaver.start)}</td><td class="when">{revoked}</td>'
            f'<td class="text">{_why(leaver, report.end)}</td></tr>\n'
        )
    yield "</tbody></table></div>\n"


def _why(leaver: Leaver, end: int) -> str:
    reasons = [] if leaver.cause == "source" else [CAUSE_WORDS[leaver.cause]]
    reasons += [back_in(leaver, end)] if leaver.cause == "reactivation" else []
    reasons += [slowest(leaver)] if leaver.state == "revoked" else []
    reasons += [f"<bdi>{html(leaver.why)}</bdi>"] if leaver.why else []
    reasons += [f'<span class="soft">stated reason: <bdi>{html(leaver.reason)}</bdi></span>'] if leaver.reason else []
    return "<br>".join(reasons)


def numbers(report: Report) -> Iterable[str]:
    yield "<h2>The numbers</h2>\n"
    measured = ("What", "Leavers", "p50", "p99", "Longest", "Over the limit")
    yield from _opened(
        "spreads", "From what on the time is counted, until access was confirmed as revoked", measured, measured[1:]
    )
    for name, spread, over in (
        ("On the clock", report.clock, str(len(report.breaches))),
        ("Since they left, by the source", report.since_effective, str(report.over_effective)),
        ("Since Kafka had the event (without those announced ahead)", report.since_appended, ""),
        ("From confirmed until sessions were ended", report.sessions, ""),
    ):
        yield f'<tr><th scope="row">{name}</th>{_cells(str(spread.n), *_times(spread), over)}</tr>\n'
    yield "</tbody></table></div>\n"
    steps = ("Step", "Share", "Leavers", "p50", "p99", "Longest", "What it is")
    yield from _opened("steps", "The steps of a revocation, one after the other", steps, steps[1:-1])
    for part in report.parts:
        numbers = _cells(f"{part.share:.1%}", str(part.spread.n), *_times(part.spread))
        word, meaning = HOP_WORDS[part.hop], HOP_MEANING[part.hop]
        yield f'<tr><th scope="row">{word}</th>{numbers}<td class="text">{meaning}</td></tr>\n'
    yield "</tbody></table></div>\n"
    head = (
        "Source",
        "Revoked",
        "p50",
        "p99",
        "Longest",
        "Over the limit",
        "Open",
        "Kept",
        "Withdrawn",
        "Nothing to revoke",
        "Fate missing",
    )
    yield from _opened("sources", "By the source whose event it was", head, head[1:])
    yield from _lines([(line.source, line) for line in report.lines])
    if report.causes:
        yield from _opened("causes", "By what took their access", ("Cause", *head[1:]), head[1:])
        yield from _lines([(CAUSE_WORDS[line.source], line) for line in report.causes])


def _lines(named: Iterable[tuple[str, Line]]) -> Iterable[str]:
    for name, line in named:
        others = (str(line.states[state]) for state in ("open", "kept", "withdrawn", "nothing", "missing"))
        numbers = _cells(str(line.clock.n), *_times(line.clock), str(line.late), *others)
        yield f'<tr><th scope="row"><bdi>{html(name)}</bdi></th>{numbers}</tr>\n'
    yield "</tbody></table></div>\n"


_ALL: Final = ("User ID", "Source", "State", "Clock started", "Left, by the source", "As the source wrote it")
_SECONDS: Final = (
    "Time",
    "Received",
    "Appended",
    "In the log",
    "Folded",
    "Sent",
    "Acknowledged",
    "Confirmed",
    "Sessions ended",
)


def everybody(report: Report) -> Iterable[str]:
    yield f"<h2>Every leaver ({len(report.leavers)})</h2>\n"
    yield "<p>Who waited longest comes first; a click on a column's head sorts by it. The numbers are seconds: the "
    yield "time on the clock, and then each instant, counted from the start of the clock.</p>\n"
    yield from _opened(
        "all", "Every leaver of the period, with all instants", (*_ALL, *_SECONDS), _SECONDS, " data-sortable"
    )
    late = set(report.late)
    for leaver in report.leavers:
        bad = leaver in late or leaver.state == "missing"
        kind = ' class="late"' if bad else ' class="kept"' if leaver.state == "kept" else ""
        word = "revoked late" if leaver in late and leaver.state == "revoked" else STATE_WORDS[leaver.state]
        effective = leaver.effective
        as_written = "" if effective is None or not effective.said else html(f"{effective.said} {effective.zone}", 60)
        instants = (
            *(leaver.received, leaver.appended, leaver.changed, leaver.folded, leaver.sent),
            *(leaver.acknowledged, leaver.read_back, leaver.sessions_ended),
        )
        numbers = "".join(f"<td class=number>{_after(leaver.start, instant)}" for instant in instants)
        yield (
            f"<tr{kind}><th scope=row>{html(leaver.user, 100)}</th>"
            f"<td>{html(leaver.source)}<td class=state>{word}"
            f"<td class=when>{moment(leaver.start)}<td class=when>{moment(leaver.left)}<td>{as_written}"
            f"<td class=number>{leaver.elapsed(report.end) / 1000:.3f}{numbers}</tr>\n"
        )
    yield "</tbody></table></div>\n"


def _after(start: int, instant: int | None) -> str:
    return "" if instant is None else f"{(instant - start) / 1000:.3f}"


def _opened(name: str, caption: str, head: Sequence[str], numbers: Sequence[str], more: str = "") -> Iterable[str]:
    yield f'<div class="wide"><table id="{name}"{more}>'
    yield f"<caption>{caption}</caption><thead><tr>"
    for title in head:
        yield f'<th scope="col"{" class=number" if title in numbers else ""}>{title}</th>'
    yield "</tr></thead><tbody>\n"


def _cells(*values: str) -> str:
    return "".join(f'<td class="number">{value}</td>' for value in values)


def _times(spread: Spread) -> tuple[str, str, str]:
    return time(spread.p50), time(spread.p99), time(spread.maximum)


def time(ms: int | None) -> str:
    return "–" if ms is None else duration(ms)
