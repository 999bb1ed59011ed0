"""Plots: SVG drawn by hand, in the page's own colours (classes of style.css), with a title and a description each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, exp, log
from typing import Final

from streamproc.audit.revocations.latency import HOPS, Leaver, Report, hops
from streamproc.audit.revocations.report.words import HOP_WORDS, duration, html, minute

WIDTH: Final = 960
LEFT: Final = 64
RIGHT: Final = 24
INNER: Final = WIDTH - LEFT - RIGHT

MARKS: Final = (
    *(1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000),
    *(864_000_000, 8_640_000_000, 86_400_000_000, 864_000_000_000),
)
"""Milliseconds at which an axis of durations has a mark."""
BINS: Final = 0.25
"""Width of a bar, as a natural logarithm; the limit lies between two bars."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis of durations, from `low` to `high` ms, over `length` units."""

    low: int
    high: int
    length: int

    def at(self, ms: float) -> float:
        return self.length * log(min(max(ms, self.low), self.high) / self.low) / log(self.high / self.low)

    @property
    def marks(self) -> list[int]:
        return [mark for mark in MARKS if self.low <= mark <= self.high]


def _axis(values: Sequence[int], limit: int, length: int) -> _Axis:
    """An axis as long as the values and the limit need, up to the next mark."""
    least, most = max(1, min([*values, limit])), max([*values, limit])
    low = max(mark for mark in MARKS if mark <= least)
    return _Axis(low, next((mark for mark in MARKS if mark > most), most * 10), length)


def distribution(report: Report) -> str:
    """How many were revoked after how long, with limit, p50 and p99."""
    values = [leaver.elapsed(report.end) for leaver in report.of("revoked")]
    axis, height, top = _axis(values, report.limit, INNER), 190, 62
    bars = Counter(ceil(log(max(1, ms) / report.limit) / BINS - 1e-9) for ms in values)
    most = max(bars.values(), default=1)
    drawn: list[str] = []
    for share in (0.5, 1.0):
        y = top + height - height * share
        count = most * share
        drawn.append(f'<path class="grid" d="M{LEFT} {y:.1f}h{INNER}"/>')
        drawn.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{count:g}</text>')
    for step, count in sorted(bars.items()):
        begin, end = (LEFT + axis.at(report.limit * exp(at * BINS)) for at in (step - 1, step))
        tall = max(3.0, height * count / most)
        kind = "bar late" if step > 0 else "bar"
        position = f'x="{begin + 0.5:.1f}" y="{top + height - tall:.1f}" width="{max(1.5, end - begin - 1):.1f}"'
        drawn.append(f'<rect class="{kind}" {position} height="{tall:.1f}"><title>{count}</title></rect>')
    drawn += _below(axis, top + height)
    marks = [("limit", report.limit, "limit"), ("p50", report.clock.p50, "mark"), ("p99", report.clock.p99, "mark")]
    for line, (name, value, kind) in enumerate(marks):
        if value is not None:
            drawn += _upright(LEFT + axis.at(value), 16 + 17 * line, top + height, f"{name} {duration(value)}", kind)
    drawn.append(f'<text class="label" x="{LEFT}" y="{top + height + 40}">time on the clock (logarithmic)</text>')
    over = sum(ms > report.limit for ms in values)
    description = f"Histogram of {len(values)} revocations on a logarithmic axis; {over} lie beyond the limit."
    return _svg("distribution", top + height + 52, "Time to revocation", description, drawn)


def timeline(report: Report) -> str:
    """Each leaver over the period: when the clock started, and how long it ran."""
    revoked = report.of("revoked")
    late = set(report.late)
    axis = _axis([leaver.elapsed(report.end) for leaver in (*revoked, *report.of("open"))], report.limit, 230)
    top, length = 34, max(1, report.end - report.first)

    def position(leaver: Leaver) -> tuple[float, float]:
        x = LEFT + INNER * min(1.0, max(0.0, (leaver.start - report.first) / length))
        return x, top + axis.length - axis.at(leaver.elapsed(report.end))

    drawn: list[str] = []
    for mark in axis.marks:
        y = top + axis.length - axis.at(mark)
        drawn.append(f'<path class="grid" d="M{LEFT} {y:.1f}h{INNER}"/>')
        drawn.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{duration(mark)}</text>')
    y = top + axis.length - axis.at(report.limit)
    drawn.append(f'<path class="limit" d="M{LEFT} {y:.1f}h{INNER}"/>')
    drawn.append(f'<text class="limit-text" x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end">limit</text>')
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in (position(leaver) for leaver in revoked if leaver not in late))
    drawn.append(f'<path class="dots" d="{dots}"/>' if dots else "")
    for leaver in (*report.breaches, *report.of("open")):
        x, y = position(leaver)
        open_ = leaver.state == "open"
        shape = f"M{x - 5:.1f} {y:.1f}l5 -5l5 5l-5 5z" if open_ else f"M{x - 5:.1f} {y + 4:.1f}h10l-5 -9z"
        tooltip = f"{html(leaver.user)}: {duration(leaver.elapsed(report.end))}{', open' if open_ else ''}"
        drawn.append(f'<path class="{"open" if open_ else "breach"}" d="{shape}"><title>{tooltip}</title></path>')
    bottom = top + axis.length
    drawn.append(f'<path class="axis" d="M{LEFT} {bottom}h{INNER}"/>')
    for share, anchor in ((0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")):
        x = LEFT + INNER * share
        drawn.append(f'<path class="axis" d="M{x:.1f} {bottom}v5"/>')
        when = minute(report.first + round(length * share))
        drawn.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 20}" text-anchor="{anchor}">{when}</text>')
    drawn += _key()
    description = (
        f"{len(revoked)} revocations, {len(report.breaches)} of them late, and {len(report.of('open'))} still open."
    )
    return _svg("timeline", bottom + 32, "Leavers over the period", description, drawn)


def _key() -> list[str]:
    return [
        f'<path class="dots" d="M{LEFT + 6} 12h0"/><text class="tick" x="{LEFT + 16}" y="16">revoked in time</text>',
        f'<path class="breach" d="M{LEFT + 131} 16h10l-5 -9z"/>',
        f'<text class="tick" x="{LEFT + 148}" y="16">revoked late</text>',
        f'<path class="open" d="M{LEFT + 241} 12l5 -5l5 5l-5 5z"/>',
        f'<text class="tick" x="{LEFT + 258}" y="16">open at the end of the period</text>',
    ]


def bars(report: Report) -> str:
    """Where the time went: of all leavers, of those revoked in time, of the late ones."""
    late = set(report.breaches)
    revoked = report.of("revoked")
    rows = [(f"all {len(revoked)}", revoked)]
    if late and len(late) < len(revoked):
        rows += [
            (f"in time {len(revoked) - len(late)}", [leaver for leaver in revoked if leaver not in late]),
            (f"late {len(late)}", report.breaches),
        ]
    drawn: list[str] = []
    x = 96.0
    for hop in HOPS:
        word = HOP_WORDS[hop]
        drawn.append(f'<rect class="hop {hop}" x="{x:.0f}" y="2" width="12" height="12"/>')
        drawn.append(f'<text class="tick" x="{x + 17:.0f}" y="13">{word}</text>')
        x += 38 + 7.2 * len(word)
    for line, (name, chosen) in enumerate(rows):
        drawn += _stacked(name, chosen, 30 + 44 * line)
    shares = "; ".join(f"{HOP_WORDS[part.hop]} {part.share:.0%}" for part in report.parts)
    return _svg(
        "hops", 30 + 44 * len(rows), "Where the time went", f"Shares of all time on the clocks: {shares}.", drawn
    )


def _stacked(name: str, chosen: Iterable[Leaver], y: int) -> list[str]:
    durations = [hops(leaver) for leaver in chosen]
    totals = {hop: sum(took.get(hop, 0) for took in durations) for hop in HOPS}
    total_time = sum(totals.values())
    drawn = [f'<text class="label" x="86" y="{y + 21}" text-anchor="end">{name}</text>']
    x, width = 96.0, WIDTH - 96 - RIGHT
    for hop, total in totals.items():
        wide = width * total / total_time if total_time else 0.0
        if wide <= 0:
            continue
        tooltip = f"{HOP_WORDS[hop]}: {total / total_time:.1%}, {duration(round(total / len(durations)))} on average"
        position = f'x="{x:.1f}" y="{y}" width="{wide:.1f}" height="32"'
        drawn.append(f'<rect class="hop {hop}" {position}><title>{tooltip}</title></rect>')
        if wide > 42:
            drawn.append(
                f'<text class="share on-{hop}" x="{x + wide / 2:.1f}" y="{y + 21}" text-anchor="middle">'
                f"{total / total_time:.0%}</text>"
            )
        x += wide
    return drawn


def _below(axis: _Axis, y: int) -> list[str]:
    drawn = [f'<path class="axis" d="M{LEFT} {y}h{INNER}"/>']
    for mark in axis.marks:
        x = LEFT + axis.at(mark)
        drawn.append(f'<path class="axis" d="M{x:.1f} {y}v5"/>')
        drawn.append(f'<text class="tick" x="{x:.1f}" y="{y + 20}" text-anchor="middle">{duration(mark)}</text>')
    return drawn


def _upright(x: float, y: int, bottom: int, text: str, kind: str) -> list[str]:
    """A line with its name at the top, on the side where there is room."""
    end = x > WIDTH - 150
    position = f'x="{x - 5 if end else x + 5:.1f}" y="{y}" text-anchor="{"end" if end else "start"}"'
    return [
        f'<path class="{kind}" d="M{x:.1f} {y - 10}V{bottom}"/>',
        f'<text class="{kind}-text" {position}>{text}</text>',
    ]


def _svg(name: str, height: int, title: str, description: str, elements: Iterable[str]) -> str:
    head = f'<svg id="{name}" role="img" aria-labelledby="{name}-title {name}-told" viewBox="0 0 {WIDTH} {height}">'
    texts = f'<title id="{name}-title">{title}</title><desc id="{name}-told">{description}</desc>'
    return f"{head}{texts}{''.join(elements)}</svg>"
