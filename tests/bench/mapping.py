"""The mapping's expressions, on one core: `python -m tests.bench.mapping [--quick] [--json]`. Medians of rounds.

`predicate_us` is one evaluation of a scope by employer, job family and group, `text_us` of a display name of three
facts, of which one is null; `load_200_ms` reads 200 expressions of different kinds. CPU time, of this process.
"""

import statistics
import time
from collections.abc import Callable
from typing import Final

from streamproc.core.expressions.expression import Expression, Gives, compile_expression
from streamproc.core.records.change_event import Fact
from tests.bench import parser, show, size

ROUNDS, CALLS = size(9, 5), size(20_000, 5_000)
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
    return {
        "predicate_us": round(statistics.median(predicates), 2),
        "text_us": round(statistics.median(texts), 2),
        "load_200_ms": round(statistics.median(loads), 1),
        "rounds": ROUNDS,
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    show("the mapping's expressions, one core", measure(), json=options.json)


if __name__ == "__main__":
    main()
