"""One bench of two checkouts in turns: `python -m tests.bench.versus --before DIR --bench NAME [--rounds 3]`.

A round runs `python -m tests.bench.NAME --quick` there, and then here, each in its checkout's own .venv: what the
machine does meanwhile falls on both. A figure's ratio is how fast or how small this checkout is against the other: 1 is
as fast, 0.5 takes twice as long. Printed are the medians of both, and of the rounds' ratios minimum, median, maximum.
What follows `--` is for the bench: `-- --only speed`. Both checkouts must have the bench, with --quick.
"""

import argparse
import statistics
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from tests.bench import say

HERE: Final = Path(__file__).parents[2]
RATES: Final = ("per_s", "ratio_to_bare", "ratio_to_bare_http", "ratio_to_fifo", "ratio_to_json", "ratio_to_noop")
"""How names end of which more is better."""
COSTS: Final = ("_s", "_ms", "_mb", "_us_per_event", "_us_per_request", "_ms_per_change", "ratio_to_read")
"""How names end of which less is better; all other figures are counts."""


def run(checkout: Path, bench: str, arguments: Iterable[str]) -> dict[str, Any]:
    """The figures of one quick run. Raises subprocess.CalledProcessError."""
    command = [f"{checkout.absolute()}/.venv/bin/python", "-m", f"tests.bench.{bench}", "--quick", "--json", *arguments]
    done = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return figures


def ratio(name: str, before: float, after: float) -> float | None:
    """How fast or small it has become; None: the figure is no speed or cost, or there is nothing to divide by."""
    if name.endswith(RATES):
        return after / before if before else None
    if name.endswith(COSTS):
        return before / after if after else None
    return None


def compare(rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Figure → what is printed of it: each speed and cost that both have in every round."""
    table: dict[str, dict[str, float]] = {}
    for name in rounds[0][1]:
        pairs = [(before[name], after[name]) for before, after in rounds if name in before]
        ratios = [ratio(name, before, after) for before, after in pairs]
        numbers = [one for one in ratios if one is not None]
        if len(numbers) == len(rounds):
            table[name] = {
                "before": statistics.median(before for before, _ in pairs),
                "after": statistics.median(after for _, after in pairs),
                "min": round(min(numbers), 3),
                "median": round(statistics.median(numbers), 3),
                "max": round(max(numbers), 3),
            }
    return table


def show(title: str, table: dict[str, dict[str, float]]) -> None:
    """A line for each figure."""
    print(title)
    width = max(map(len, table), default=0)
    print(f"  {'':<{width}}  {'before':>12} {'after':>12}   ratio {'min':>7} {'median':>7} {'max':>7}")
    for name, row in table.items():
        print(
            f"  {name:<{width}}  {row['before']:>12g} {row['after']:>12g}         "
            f"{row['min']:>7.3f} {row['median']:>7.3f} {row['max']:>7.3f}"
        )


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout, with a .venv")
    parser.add_argument("--after", type=Path, default=HERE, help="the checkout in question (default: this one)")
    parser.add_argument("--bench", required=True, help="a module of tests.bench: fold")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one line of JSON in place of a table")
    parser.add_argument("more", nargs="*", help="after --: arguments for the bench")
    options = parser.parse_args(arguments)
    rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for number in range(options.rounds):
        before = run(options.before, options.bench, options.more)
        rounds.append((before, run(options.after, options.bench, options.more)))
        say(f"--- round {number + 1} of {options.rounds} done")
    table = compare(rounds)
    if options.json:
        print(orjson.dumps(table).decode())
    else:
        show(f"{options.bench}: {options.before} and {options.after}, {options.rounds} rounds in turns", table)


if __name__ == "__main__":
    main()
