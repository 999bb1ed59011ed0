"""Bounds of a timeline: how many rows are kept of one subject, and which of too many give way.

What gives way is told by `gone[MORE]`: the newest order of all that did. What comes late and is no newer isn't taken in
again, unless it denies something.

Rule 1: first goes what can't count any more, then what other rows say as well, then what lies furthest ahead.
Rule 2: what denies is never dropped, but becomes one with others: of denials that lie ahead one at the earliest of
their dates that counts as much as the latest, of those that have begun the one that counts most. It has no row's name,
so no cancellation of a row takes it out; a newer word does. So whoever would be denied without these bounds is denied.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from streamproc.core.records.change_event import Fact, Order, Row
from streamproc.core.records.fact_names import DATES, MORE, STARTS
from streamproc.core.records.units import Micros

Rank: TypeAlias = tuple[int, int, int, str]
"""From when a word counts, and then its order."""
Named: TypeAlias = tuple[str, Row]

MOST: Final = 32
"""Rows of one subject; as many of those that `gone` names."""
MORE_AHEAD: Final = "*ahead"
MORE_BEGUN: Final = "*begun"
"""Names of rows that stand for many."""
_SPECIAL: Final = frozenset({DATES, MORE, STARTS})


def rank(row: Row) -> Rank:
    """The rank of a row: it counts from its date on, and not before it was entered."""
    begins = row.entered[0] if row.effective is None else max(row.entered[0], row.effective.at)
    return (begins, *row.entered)


def denies(row: Row) -> bool:
    """Whether it takes something away."""
    return any(value is False for value in row.attributes.values())


def forgotten(gone: Mapping[str, Order], row: Row) -> bool:
    """Whether a row that comes late may be one of those that gave way."""
    mark = gone.get(MORE)
    return mark is not None and row.entered <= mark and not denies(row)


def bounded(rows: dict[str, Row], gone: dict[str, Order], now: Micros) -> tuple[dict[str, Row], dict[str, Order]]:
    """Rows and `gone`, so many at most that both stay small. `now`: µs since 1970."""
    left_out: list[Order] = []
    while len(rows) > MOST:
        before, rows = rows, _fewer(rows, now)
        left_out += [row.entered for name, row in before.items() if name not in rows]
    if len(gone) > MOST + len(_SPECIAL):
        oldest = sorted((order, name) for name, order in gone.items() if name not in _SPECIAL)[:-MOST]
        left_out += [order for order, _ in oldest]
        gone = {name: order for name, order in gone.items() if (order, name) not in oldest}
    if left_out:
        gone = gone | {MORE: max(*left_out, gone.get(MORE, left_out[0]))}
    return rows, gone


def _fewer(rows: dict[str, Row], now: Micros) -> dict[str, Row]:
    """At least one less (rules 1 and 2)."""
    spent = [each for each in rows.items() if not each[1].attributes]
    others = [each for each in rows.items() if each[1].attributes and not denies(each[1])]
    ahead = [each for each in others if _ahead(each[1], now)]
    if spent:
        return _without(rows, min(spent, key=_entered)[0])
    if (covered := _covered(rows.items(), now)) is not None:
        return _without(rows, covered)
    if ahead:
        return _without(rows, max(ahead, key=_date)[0])
    if others:
        return _without(rows, min(others, key=_rank)[0])
    later = sorted((each for each in rows.items() if _ahead(each[1], now)), key=_date)
    begun = sorted((each for each in rows.items() if not _ahead(each[1], now)), key=_rank)
    if len(later) < len(begun):
        merged = begun[: len(begun) // 2]
        return _as_one(rows, merged, MORE_BEGUN, merged[-1][1])
    merged = later[len(later) // 2 :]
    last = max(rank(row) for _, row in merged)
    first = replace(merged[0][1], entered=(Micros(last[0]), *last[2:]))
    return _as_one(rows, merged, MORE_AHEAD, first)


def _as_one(rows: dict[str, Row], many: list[Named], name: str, like: Row) -> dict[str, Row]:
    """With one row in the place of many that deny; it holds like one of them."""
    denied: dict[str, Fact] = {
        fact: value for _, row in many for fact, value in row.attributes.items() if value is False
    }
    merged = {each for each, _ in many}
    kept = {each: row for each, row in rows.items() if each not in merged}
    while name in kept:
        name += "+"
    return kept | {name: replace(like, attributes=denied, whole=False)}


def _covered(rows: Iterable[Named], now: Micros) -> str | None:
    """The one that counts least of those that have begun, if all that it says is said by others that count more."""
    begun = sorted((each for each in rows if not _ahead(each[1], now)), key=_rank, reverse=True)
    said: set[str] = set()
    least: str | None = None
    for name, row in begun:
        if said.issuperset(row.attributes) and not denies(row):
            least = name
        said |= row.attributes.keys()
    return least


def _without(rows: dict[str, Row], name: str) -> dict[str, Row]:
    return {each: row for each, row in rows.items() if each != name}


def _ahead(row: Row, now: Micros) -> bool:
    return row.effective is not None and row.effective.at > now


def _date(named: Named) -> tuple[int, Order, str]:
    name, row = named
    return (row.entered[0] if row.effective is None else row.effective.at, row.entered, name)


def _rank(named: Named) -> tuple[Rank, str]:
    return rank(named[1]), named[0]


def _entered(named: Named) -> tuple[Order, str]:
    return named[1].entered, named[0]
