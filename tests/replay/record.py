"""Write the recorded histories: `python -m tests.replay.record [NAME ...] [--anew]`.

Without `--anew` the events stay as they are, and only what they lead to is written: that is how a change of the fold is
accepted on purpose. Look at the difference (`git diff tests/replay`) before it is committed: each line that changed is
a decision that production would take differently on replay. `--anew` makes the events again, too, and those of a
history that isn't there yet.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.facts import absorb
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Move, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.demo.story import STEPS
from streamproc.settings import load_settings
from streamproc.sources.hris.contract import parse
from tests.chaos.history import history
from tests.support.built import BEGIN, SECOND, Built
from tests.support.recorded import FOLDER, Recorded, folded, read

MAPPING = """\
[attributes]
title = "job"
department = "department"
manager = "manager"
[authority]
active = ["workday", "okta"]
job = ["workday", "okta"]
[[copy]]
fact = "genesysQueue"
to = "skills"
[[rule]]
when = { job = "*Agent*" }
roles = ["Agent"]
[always]
roles = ["employee"]
"""
ANOTHER = MAPPING + '[[rule]]\nwhen = { floor = "2" }\ngroups = ["Second Floor"]\nlanguages = { Spanish = 4.0 }\n'
"""It reads a fact that the first one doesn't."""


def of_the_demo() -> list[dict[str, Any]]:
    """What HR says in the demo's story."""
    said = []
    for step in STEPS:
        value = step.event if isinstance(step.event, bytes) else orjson.dumps(step.event)
        said.append((value, {name: content.encode() for name, content in step.headers.items()}))
    return _parsed(said)


def of_the_crash_run() -> list[dict[str, Any]]:
    """Hires, changes, leavers and returns as the crash run sends them, with duplicates and late ones."""
    sent = history(5, 90, 9)
    return _parsed([(each.value if isinstance(each.value, bytes) else orjson.dumps(each.value), {}) for each in sent])


def _parsed(said: list[tuple[bytes, dict[str, bytes]]]) -> list[dict[str, Any]]:
    built = Built()
    built.apply(load_settings().worker.mapping_text()[0], "worker", first=True)
    for value, headers in said:
        try:
            (event,) = parse(value, headers, Origin("events.hris", 0, len(built.changes), Millis(built.now)))
        except RejectedInputError:
            continue
        built.put(event)
    return _events(built)


def of_two_sources() -> list[dict[str, Any]]:
    """HR with dates, an identity provider whose subject moves from user to user, and another mapping in between."""
    built = Built()
    built.apply(MAPPING, "worker", first=True)
    hired: dict[str, Fact] = {"userName": "ana@example.com", "displayName": "Ana", "active": True}
    built.say(_hr("E1", 1, "hired", hired | {"job": "Agent", "department": "Care", "floor": "2"}, whole=True))
    built.say(_hr("E2", 2, "hired", hired | {"userName": "ben@example.com", "displayName": "Ben"}, whole=True))
    built.say(_dated("E1", 3, "promotion", {"job": "Senior Agent"}, 6))
    built.say(_dated("E1", 4, "leave", {"active": False}, 11))
    account = _okta("E2", "a1", 5, {"job": "Boss", "active": True, "genesysQueue": "Billing"})
    built.say(account)  # at E2 by mistake
    built.say(_okta("E2", "a2", 6, {"active": False}))
    built.pass_date("E1")
    facts, _ = absorb(None, account, None)
    built.say(replace(account, event="a1/unlink", kind="unlink", attributes={}, move=Move("E1", "Kim")))
    built.say(replace(account, user="E1", event="a1/link", kind="link", attributes={}, move=Move("E2", "Kim", facts)))
    built.apply(ANOTHER)
    built.pass_date("E1")
    built.say(replace(_dated("E1", 12, "leave", {}, 12), cancels="leave", row=None, effective=None))
    built.say(_hr("E1", 10, "late", {"department": "Sales", "floor": "3"}))
    built.say(_dated("E2", 13, "backdated", {"department": "Billing", "manager": "E1"}, -100))
    built.say(_okta("E1", "a3", 14, {"active": False, "genesysQueue": {"Billing": 9}}))
    built.say(_hr("E1", 15, "back", {"active": True, "floor": "2"}))
    built.say(_okta("E1", "a4", 16, {"active": True}))
    built.apply(MAPPING, "Lee")
    built.say(_hr("E3", 18, "nobody", {"job": "Agent"}))
    return _events(built)


def _hr(user: str, second: int, event: str, attributes: dict[str, Fact], *, whole: bool = False) -> ChangeEvent:
    order = (Micros((BEGIN + second * SECOND) * 1000), 0, event)
    made = ChangeEvent(user, "workday", user, event, "change", order, attributes, Origin("", 0, 0, Millis(0)))
    return replace(made, kind="snapshot") if whole else made


def _dated(user: str, second: int, event: str, attributes: dict[str, Fact], effective: int) -> ChangeEvent:
    at = (BEGIN + effective * SECOND) * 1000
    return replace(
        _hr(user, second, event, attributes), effective=Effective(Micros(at), "that day", "Europe/Berlin"), row=event
    )


def _okta(user: str, event: str, second: int, attributes: dict[str, Fact]) -> ChangeEvent:
    return replace(_hr(user, second, event, attributes), source="okta", subject="00u1")


def _events(built: Built) -> list[dict[str, Any]]:
    return [orjson.loads(one.value or b"") for one in built.changes]


HISTORIES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "demo": of_the_demo,
    "crash_run": of_the_crash_run,
    "two_sources": of_two_sources,
}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(HISTORIES)}; else all")
    parser.add_argument("--anew", action="store_true", help="make the events again, too")
    given = parser.parse_args()
    if unknown := set(given.names) - HISTORIES.keys():
        parser.error(f"there is no history {min(unknown)}")
    for name in given.names or HISTORIES:
        path = FOLDER / f"{name}.jsonl"
        if given.anew or not path.exists():
            about = " ".join((HISTORIES[name].__doc__ or "").split())
            made = Recorded({"history": name, "constructed": True, "about": about}, HISTORIES[name](), [])
        else:
            made = read(path)
        path.write_bytes(replace(made, gives=folded(made.events)).encoded())
        print(f"{path}: {len(made.events)} events", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
