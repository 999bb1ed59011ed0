"""Plays every case and prints a table of kinds: `python -m tests.field [--json]`. Exit code 1 unless all are right."""

import argparse
import sys
import traceback
from collections import Counter
from typing import NoReturn

import orjson
import structlog

from tests.field.cases import CASES


def _unsaid(*_: object) -> NoReturn:
    raise structlog.DropEvent


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.field", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the table and what went wrong, as JSON")
    parser.add_argument("--kind", help="only this kind")
    options = parser.parse_args()
    cases = [case for case in CASES if options.kind in {None, case.kind}]
    structlog.configure(processors=[_unsaid])  # cases that listen to the log have processors of their own
    wrong: dict[str, str] = {}
    for number, case in enumerate(cases, 1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number} of {len(cases)} ")
        try:
            case.check()
        except Exception:  # noqa: BLE001 - whatever a case raises, it is wrong, and the others are played too
            wrong[f"{case.kind}/{case.name}"] = traceback.format_exc(limit=-2)
    played = Counter(case.kind for case in cases)
    failed = Counter(name.partition("/")[0] for name in wrong)
    table = [
        {"kind": kind, "cases": count, "right": count - failed[kind]}
        for kind, count in sorted(played.items(), key=lambda each: (each[0][0], len(each[0]), each[0]))
    ]
    if options.json:
        sys.stdout.write(orjson.dumps({"kinds": table, "wrong": wrong}, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write(f"{'kind':<6}{'cases':>6}{'right':>6}\n")
        sys.stdout.writelines(f"{row['kind']:<6}{row['cases']:>6}{row['right']:>6}\n" for row in table)
        sys.stdout.writelines(f"\nwrong: {name}\n{text}" for name, text in wrong.items())
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
