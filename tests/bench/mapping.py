"""The mapping with expressions, on one core: `python -m tests.bench.mapping [--quick] [--json]`. Medians of rounds.

`predicate_us` is one evaluation of a scope by employer, job family and group, `text_us` of a display name of three
facts, of which one is null; `load_200_ms` reads 200 expressions of different kinds. CPU time, of this process.

`desire_us` is what is desired of one person by the mapping of the worked examples, scope and suspension included, and
`fold_events_per_s` the whole fold by it, records kept decoded and the garbage collector set as the worker sets it.
`fold_ratio` compares that with a mapping that reads as many facts, one for each attribute. Whether mappings without
expressions became slower says `python -m tests.bench.versus --bench fold`.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable
from typing import Final

from streamproc.compose.worker import GARBAGE
from streamproc.core.expressions.expression import Expression, Gives, compile_expression
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.scope import desire
from streamproc.core.records.change_event import Fact
from tests.bench import parser, say, show, size
from tests.bench.fold import cpu_of, fold_kept
from tests.support import worked_mapping

ROUNDS, CALLS = size(9, 5), size(20_000, 5_000)
EVENTS, USERS = size(20_000, 8_000), size(2_000, 800)
TABLES: Final = {"division": {"MAD": "Spain"}, "language": {"es": "Spanish"}, "level": {"C1": "5"}}
PREDICATE: Final = (
    'employer in ["ACME", "BPO"] && (like(jobFamily, "Contact Center*") || inGroup("Genesys Users")) && '
    'workerType != "Intern"'
)
TEXT: Final = 'coalesce(preferredName, givenName) + " " + familyName'
OTHERS: Final[tuple[tuple[str, Gives], ...]] = (
    (PREDICATE, "truth"),
    (TEXT, "text"),
    ('lower(before(upn, "@")) + "@cc.example.com"', "text"),
    ('coalesce(lookup("division", site), "Home")', "text"),
    (
        'split(cefr, ",").map(l, lookup("language", before(l,"-"), "") + ":" + lookup("level", after(l,"-"), "3"))',
        "texts",
    ),
)
FACTS: Final[dict[str, Fact]] = {
    "employer": "BPO",
    "jobFamily": "Contact Center Agent",
    "workerType": "Employee",
    "givenName": "José",
    "familyName": "Núñez",
    "preferredName": None,
    "upn": "Jose.Nunez@example.com",
    "site": "MAD",
    "costCenter": "4711",
    "cefr": "es-C1,en-B2",
    "title": "Agent",
    "department": "Support",
    "group:Genesys Users": None,
    "active": True,
}


def cpu_us(work: Callable[[], object], calls: int) -> float:
    """CPU µs of one call."""
    begun = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - begun) / calls * 1e6


def loaded() -> list[Expression]:
    """200 of them; none is like another, so that nothing can be remembered."""
    made = []
    for number in range(200):
        text, gives = OTHERS[number % len(OTHERS)]
        made.append(
            compile_expression(
                text.replace('"', f'"{number} ', 1)
                .replace(f'"{number} division', '"division')
                .replace(f'"{number} language', '"language'),
                gives,
                tables=TABLES,
            )
        )
    return made


BY_FACTS: Final = """
[attributes]
displayName = "familyName"
userName = "upn"
phone = "workPhone"
division = "site"
hired = "hireDate"
title = "givenName"
email = "preferredName"
department = "country"
[[rule]]
when = { jobCode = "CC-ES-*", leave = "*" }
skills = { Spanish = 4.0, Billing = 3.0 }
groups = ["Spanish Queue"]
[[rule]]
when = { costCenter = "4711", workerType = "Employee" }
roles = ["Agent"]
[[copy]]
fact = "cefr"
to = "languages"
"""
"""The facts of the worked examples, as a mapping without expressions reads them."""


def desiring() -> float:
    """CPU µs of what is desired of one person, where what copies and rules give is remembered, as it is mostly."""
    mapping, rng = parse_mapping(worked_mapping.TEXT), random.Random(1)
    people = [ours for n in range(2 * CALLS) if in_scope(mapping, ours := worked_mapping.person(rng, n))][:USERS]
    for facts in people:
        desire(mapping, "U1", facts, None)
    return cpu_us(lambda: [desire(mapping, "U1", facts, None) for facts in people], ROUNDS) / len(people)


def in_scope(mapping: Mapping, facts: dict[str, Fact]) -> bool:
    """Whether somebody is ours, of whom less is computed otherwise."""
    return mapping.who is not None and mapping.who.evaluate(facts) is True


def folding() -> tuple[float, float]:
    """Events of a second of CPU time by the worked examples, and the ratio to as many facts without expressions."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    changes = worked_mapping.events(1, EVENTS, USERS)
    computing, copying = parse_mapping(worked_mapping.TEXT), parse_mapping(BY_FACTS)
    rounds: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        copied = cpu_of(lambda: fold_kept(changes, copying))
        rounds.append((cpu_of(lambda: fold_kept(changes, computing)), copied))
        say(f"round {number + 1} of {ROUNDS}: CPU s with expressions {rounds[-1][0]:.2f}, without {rounds[-1][1]:.2f}")
    return (
        EVENTS / statistics.median(computed for computed, _ in rounds),
        statistics.median(copied / computed for computed, copied in rounds),
    )


def measure() -> dict[str, float]:
    """All rounds."""
    predicate, text = compile_expression(PREDICATE, "truth"), compile_expression(TEXT, "text")
    assert predicate.evaluate(FACTS) is True
    assert text.evaluate(FACTS) == "José Núñez"
    rounds = [
        (
            cpu_us(lambda: predicate.evaluate(FACTS), CALLS),
            cpu_us(lambda: text.evaluate(FACTS), CALLS),
            cpu_us(loaded, 1) / 1000,
        )
        for _ in range(ROUNDS)
    ]
    predicates, texts, loads = zip(*rounds, strict=True)
    desire_us = statistics.median(desiring() for _ in range(ROUNDS))
    events_per_s, ratio = folding()
    return {
        "predicate_us": round(statistics.median(predicates), 2),
        "text_us": round(statistics.median(texts), 2),
        "load_200_ms": round(statistics.median(loads), 1),
        "desire_us": round(desire_us, 2),
        "fold_events_per_s": round(events_per_s),
        "fold_ratio": round(ratio, 3),
        "rounds": ROUNDS,
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    show("the mapping with expressions, one core", measure(), json=options.json)


if __name__ == "__main__":
    main()
