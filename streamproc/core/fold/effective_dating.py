"""Timeline: what a source has said with a date, kept apart as rows, so that any of it can be taken out again.

Rule 1: a row counts from its date on. Its rank among all that was said is the later of its date and of when it was
entered, and then when it was entered: so of two rows for one day the later word counts, and a backdated one acts at
once, over what was known.
Rule 2: a row of the same name is a correction and takes the place of an earlier one. What cancels a row takes out what
was entered before it, whether it has begun to count or not. Either may come first: `gone` remembers.
Rule 3: a row that newer words have overtaken in all that it says can't count any more: it is emptied. It goes, as does
what `gone` remembers, once it is so old that no raw record from before it is kept.
Rule 4: an end on a day of the worker's isn't lifted, but by another row, before the day is over where the source is.
Rule 5: rows, and what `gone` remembers, are bounded, and no end is lost by that (`row_bounds.py`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from streamproc.core.fold.row_bounds import Rank, bounded, forgotten, rank
from streamproc.core.records.change_event import BEGAN, Fact, Order, Row, SourceFacts
from streamproc.core.records.fact_names import ACTIVE, DATES, FROM_DATES, GROUP, STARTS
from streamproc.core.records.units import Micros, Millis, micros_of

LAG: Final = 24 * 3_600_000_000
"""µs; two places on earth are no further apart (rule 4)."""

REMEMBERED: Final = 30 * 24 * 3_600_000_000
"""µs; as long as the raw topics keep their records, so nothing older can come late."""


def ranked(order: Order) -> Rank:
    """The rank of what was said without a date."""
    return (order[0], *order)


def said_of(facts: SourceFacts, name: str) -> Order | None:
    """The order of what is known of an attribute, rows apart."""
    return facts.later.get(name, facts.grouped if name.startswith(GROUP) else facts.floor)


def restricted(attributes: dict[str, Fact], wanted: Collection[str], *, whole: bool) -> dict[str, Fact]:
    """The wanted attributes; for a snapshot also those that it leaves out, without a value."""
    named = {name: value for name, value in attributes.items() if name in wanted}
    if not whole:
        return named
    return {name: None for name in wanted if GROUP in attributes or not name.startswith(GROUP)} | named


def entered(facts: SourceFacts, name: str, row: Row) -> SourceFacts:
    """With a row added, or corrected. The very same facts where that changes nothing (rule 2)."""
    held = facts.rows.get(name)
    if (held is not None and held.entered >= row.entered) or _taken_out(facts.gone, name, row):
        return facts
    if forgotten(facts.gone, row):
        return facts
    return replace(facts, rows=facts.rows | {name: row})


def cancelled(facts: SourceFacts, name: str, order: Order) -> SourceFacts:
    """Without the rows of that name, or whose names begin with it, that were entered before (rule 2)."""
    held = facts.gone.get(name)
    if held is not None and held >= order:
        return facts
    gone = facts.gone | {name: order}
    rows = {each: row for each, row in facts.rows.items() if not _taken_out(gone, each, row)}
    return replace(facts, rows=rows, gone=gone)


def pruned(facts: SourceFacts, now: Millis) -> SourceFacts:
    """Without what can't count any more, and what is too much (rules 3 and 5). `now`: ms since 1970."""
    if not facts.rows and not facts.gone:
        return facts
    oldest = micros_of(now) - REMEMBERED
    rows = {name: Row(row.entered, {}) if _spent(facts, row) else row for name, row in facts.rows.items()}
    rows = {name: row for name, row in rows.items() if row.attributes or row.entered[0] >= oldest}
    gone = {name: order for name, order in facts.gone.items() if order[0] >= oldest}
    rows, gone = bounded(rows, gone, micros_of(now))
    return replace(facts, rows=rows, gone=gone)


def as_of(facts: SourceFacts, now: Millis) -> tuple[dict[str, Fact], Rank]:
    """What holds at a moment (ms since 1970), and the rank of the last word."""
    orders = [order for order in (facts.floor, facts.grouped, *facts.later.values()) if order is not None]
    last = max(map(ranked, orders), default=(0, 0, 0, ""))
    values = facts.values
    for row in sorted(_begun(facts.rows.values(), now), key=rank):
        newer = {name: value for name, value in row.attributes.items() if _overtakes(facts, name, row)}
        values, last = values | newer, max(last, rank(row))
    return values, last


def spoken(facts: SourceFacts, name: str, now: Millis) -> Order | None:
    """The order of the word that holds of one attribute at a moment (ms since 1970)."""
    order = said_of(facts, name)
    for row in sorted(_begun(facts.rows.values(), now), key=rank):
        if name in row.attributes and _overtakes(facts, name, row):
            order = row.entered
    return order


def began(facts: SourceFacts, now: Millis) -> Micros | None:
    """When the job began or the account was made, by the source: µs since 1970."""
    value = as_of(facts, now)[0].get(BEGAN)
    return Micros(value) if isinstance(value, int) and not isinstance(value, bool) else None


def was_active(facts: SourceFacts, now: Millis, *, accounts: bool) -> bool:
    """Whether a subject that isn't active has been, as far as we know.

    Not an account that we have known since it was made, nor a job whose first day lies ahead, if nobody ever said so.
    """
    at = began(facts, now)
    if facts.vouched is not None or at is None or facts.since is None:
        return True
    return facts.since > at + LAG if accounts else at <= micros_of(now)


def upcoming(facts: SourceFacts, now: Millis) -> dict[str, Micros]:
    """Rows that begin to count later: from when, in µs since 1970."""
    ahead = {name: row.effective.at for name, row in facts.rows.items() if row.effective is not None}
    return {name: at for name, at in ahead.items() if at > micros_of(now)}


def _begun(rows: Iterable[Row], now: Millis) -> Iterable[Row]:
    return (row for row in rows if row.effective is None or row.effective.at <= micros_of(now))


def _overtakes(facts: SourceFacts, name: str, row: Row) -> bool:
    known, row_rank = said_of(facts, name), rank(row)
    if row.effective is not None and row.effective.lags and row.attributes.get(name) is False:
        row_rank = (max(row_rank[0], row.effective.at + LAG), *row_rank[1:])
    return known is None or row_rank > ranked(known)


def _spent(facts: SourceFacts, row: Row) -> bool:
    row_rank = rank(row)
    open_to_it = row.whole and (facts.floor is None or row_rank > ranked(facts.floor))
    return not open_to_it and not any(_overtakes(facts, name, row) for name in row.attributes)


def _taken_out(gone: Mapping[str, Order], name: str, row: Row) -> bool:
    kinds = {name}
    if row.attributes.get(ACTIVE) is True:
        kinds.add(STARTS)
    if name.startswith(f"{FROM_DATES}/") or (row.effective is not None and row.effective.lags):
        kinds.add(DATES)
    named = (order for each, order in gone.items() if each in kinds or name.startswith(f"{each}/"))
    return any(row.entered < order for order in named)
