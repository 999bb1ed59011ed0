"""The report as one HTML page that an auditor can read without us. It fetches nothing, and may fetch nothing.

Other people's text (user IDs, reasons, zones) passes `html`, and the policy in the head names the one style sheet and
the one script by their digests: even text that got through would not run.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from streamproc.audit.revocations.latency import Report
from streamproc.audit.revocations.report import plots
from streamproc.audit.revocations.report.tables import everybody, leaver_table, numbers, time
from streamproc.audit.revocations.report.words import duration, html, moment, period

DRAFT: Final = "https://openid.net/specs/ipsie-al-scim-profile-1_0.html"


@dataclass(frozen=True, slots=True)
class Assets:
    """Files of the page that lie beside this module."""

    style: str
    script: str
    method: str
    """HTML with `{limit}` and `{draft}` to be filled in."""


def document(report: Report, assets: Assets, version: str, read_from: str) -> str:
    """The page. `read_from`: where the records were read, in words."""
    return "".join(
        [
            *_head(report, assets),
            *_verdict(report),
            *_figures(report),
            *_late(report),
            *_reactivated(report),
            *_missing(report),
            *_kept_by_decision(report),
            *_plots(report),
            *numbers(report),
            *_method(report, assets.method),
            *everybody(report),
            *_foot(report, assets.script, version, read_from),
        ]
    )


def _head(report: Report, assets: Assets) -> Iterable[str]:
    policy = f"default-src 'none'; style-src {_digest(assets.style)}; script-src {_digest(assets.script)}"
    policy += "; base-uri 'none'; form-action 'none'"
    when = period(report.first, report.end)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield f"<title>Revocation report, {when}</title>\n<style>{assets.style}</style>\n</head>\n<body>\n"
    yield f'<header>\n<h1>Revocation report</h1>\n<p class="period">{when}</p>\n'
    yield '<p class="soft">How long leavers kept their access to Genesys Cloud, and where the time went.</p>\n'
    yield "</header>\n<main>\n"


def _foot(report: Report, script: str, version: str, read_from: str) -> Iterable[str]:
    yield f"</main>\n<footer><p>Made by streamproc {html(version)} from {html(read_from)}, as it stood at "
    yield f"{moment(report.end)} UTC. All moments are UTC unless a zone is named.</p></footer>\n"
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _verdict(report: Report) -> Iterable[str]:
    late, limit = report.breaches, duration(report.limit)
    waiting = [leaver for leaver in report.late if leaver.state == "open"]
    missing = report.of("missing")
    if missing:
        who = _count(len(missing), "leaver", "leavers")
        yield f'<p class="verdict bad"><strong>✕ The log doesn\'t tell what became of {who}.</strong>'
        yield "An outcome was lost or removed: these times can't be relied upon before that is cleared up.</p>\n"
    if not report.late:
        if missing:
            return
        yield f'<p class="verdict good"><strong>✓ No leaver kept access for longer than {limit}.</strong>'
        yield f"{_count(report.clock.n, 'leaver was', 'leavers were')} revoked and confirmed in this period"
    else:
        who = _count(len(report.late), "leaver", "leavers")
        yield f'<p class="verdict bad"><strong>✕ {who} kept access for longer than {limit}.</strong>'
        yield f"{len(late)} of {report.clock.n} revocations came late, and "
        yield f"{_count(len(waiting), 'leaver', 'leavers')} over the limit still had access at the end"
    by_decision = len(report.of("kept"))
    yield f"; {_count(by_decision, 'keeps', 'keep')} access by decision.</p>\n" if by_decision else ".</p>\n"


def _figures(report: Report) -> Iterable[str]:
    clock, late = report.clock, len(report.breaches)
    open_, by_decision = report.of("open"), len(report.of("kept"))
    cells = [
        ("Revoked", str(clock.n), ""),
        ("Half within (p50)", time(clock.p50), ""),
        ("99 of 100 within (p99)", time(clock.p99), ""),
        ("Longest", time(clock.maximum), "bad" if late else ""),
        (f"Later than {duration(report.limit)}", str(late), "bad" if late else ""),
        ("Open at the end", str(len(open_)), "bad" if any(leaver in report.late for leaver in open_) else ""),
        ("Kept active by decision", str(by_decision), "warn" if by_decision else ""),
    ]
    yield '<dl class="figures">'
    for name, value, kind in cells:
        yield f'<div class="{kind}"><dt>{name}</dt><dd>{value}</dd></div>' if kind else _figure(name, value)
    yield "</dl>\n"


def _figure(name: str, value: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}</dd></div>"


def _late(report: Report) -> Iterable[str]:
    late = set(report.late)
    waiting = [leaver for leaver in report.of("open") if leaver not in late]
    if report.late:
        yield f"<h2>Over the limit ({len(report.late)})</h2>\n"
        yield from leaver_table("late", "Who kept access for too long, the longest first", report.late, report, "late")
    if waiting:
        yield f"<h2>Open, within the limit ({len(waiting)})</h2>\n"
        yield from leaver_table("waiting", "Whose clock was running at the end of the period", waiting, report, "")


def _reactivated(report: Report) -> Iterable[str]:
    if leavers := report.reactivated:
        yield f"<h2>Activated again in Genesys Cloud ({len(leavers)})</h2>\n"
        yield "<p>Somebody gave them access back there, against what the sources or the mapping say. The clock starts "
        yield "when streamproc saw it; since when they had access is told beside it.</p>\n"
        yield from leaver_table("reactivated", "Who had access again, the longest first", leavers, report, "")


def _missing(report: Report) -> Iterable[str]:
    if missing := report.of("missing"):
        yield f"<h2>Fate missing ({len(missing)})</h2>\n"
        yield "<p>The log tells what became of a later event of these users, and not of the one by which they left. "
        yield "Outcomes are written together and in order, so one was lost or removed.</p>\n"
        yield from leaver_table("missing", "Of whom it isn't known whether access was revoked", missing, report, "late")


def _kept_by_decision(report: Report) -> Iterable[str]:
    if leavers := report.of("kept"):
        yield f"<h2>Kept active by decision ({len(leavers)})</h2>\n"
        yield "<p>A source says that they left, and their access stands: an operator rejected the revocation, or the "
        yield "account is protected. They don't count as late.</p>\n"
        yield from leaver_table("kept", "Who keeps access, the longest first", leavers, report, "kept")


def _plots(report: Report) -> Iterable[str]:
    yield "<h2>The time in pictures</h2>\n"
    if report.clock.n:
        yield "<figure><figcaption><strong>Time to revocation.</strong> How many leavers were revoked after how long. "
        yield "Bars to the right of the red line came later than the limit.</figcaption>"
        yield f"{plots.distribution(report)}</figure>\n"
        yield "<figure><figcaption><strong>Where the time went.</strong> Shares of all the time on the clocks; what "
        yield f"each step means stands below.</figcaption>{plots.bars(report)}</figure>\n"
    if report.clock.n or report.of("open"):
        yield "<figure><figcaption><strong>Leavers over the period.</strong> Each mark is one leaver: when their clock "
        yield f"started, and how long it ran.</figcaption>{plots.timeline(report)}</figure>\n"
    else:
        yield "<p>Nobody was revoked in this period, and nobody is open: there is nothing to draw.</p>\n"


def _method(report: Report, method: str) -> Iterable[str]:
    yield method.replace("{limit}", duration(report.limit)).replace("{draft}", DRAFT)


def _count(n: int, one: str, more: str) -> str:
    return f"{n} {one if n == 1 else more}"
