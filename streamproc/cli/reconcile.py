"""What `streamproc reconcile --once` prints: a table of what disagrees, and how much was looked at."""

from collections import Counter
from collections.abc import Iterator

from streamproc.cli.finding_table import HEADER, cells
from streamproc.cli.screen import complain, put_json, put_lines
from streamproc.cli.table import table
from streamproc.reconcile.process import Summary


def printed(summary: Summary | None, user: str | None, *, as_json: bool) -> int:
    """Print it. Returns the exit code. `summary` None: there is no record of the user."""
    if summary is None:
        complain(f"{user}: no such user ID; there is no record of anybody by it")
        return 2
    if as_json:
        told = {name: getattr(summary, name) for name in summary.__struct_fields__ if name != "disagreements"}
        put_json({"findings": summary.disagreements, **told})
    else:
        put_lines(lines(summary))
    return 1 if summary.disagreements or summary.unread else 0


def lines(summary: Summary) -> Iterator[str]:
    """For people."""
    told = [each for finding in summary.disagreements for each in finding.differences]
    if told:
        rows = [row for finding in summary.disagreements for row in cells(finding, finding.differences)]
        yield from table([HEADER, *rows])
    for user, why in summary.unread.items():
        yield f"{user} can't be compared: {why}"
    counts = Counter(each.kind for each in told)
    if incidents := sum(finding.incident for finding in summary.disagreements):
        yield f"{incidents} with access who are to have none"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    of = f"{summary.accounts} accounts and {summary.users} users" if summary.accounts else f"{summary.users} users"
    cost = f"{summary.requests} requests, {summary.seconds:.0f} s"
    yield f"{len(summary.disagreements)} of {of} disagree" + (f" ({kinds})" if kinds else "") + f"; {cost}"
