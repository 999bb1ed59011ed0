"""What an answer "as of" says of attributes that aren't ours to write."""

from typing import Any, Final

import orjson

from streamproc.audit.asof.answer import as_object
from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.text import row
from tests.support.asof_log import MINUTE, NOON, Log, hired, lines, request

RULES: Final = """
[attributes]
title = "job"
department = "department"
[externalIds]
teams = "upn"
[[copy]]
fact = "genesysRole"
to = "roles"
[policy]
title = "seed"
roles = "seed"
externalIds = "seed"
department = "observe"
"""


def written(log: Log) -> dict[str, Any]:
    """Ana is hired, and created two minutes later as far as that may be; a role and an id came to nothing."""
    hired(log, job="Agent", department="Care", genesysRole="Agent", upn="ana@x")
    holds: dict[str, Any] = {"externalId": "E1", "userName": "ana@example.com", "displayName": "Ana Ruiz"}
    return {**holds, "active": True, "title": "Agent", "roles": [], "groups": [], "externalIds": {"teams": None}}


def at(minutes: int) -> int:
    """Milliseconds since 1970."""
    return NOON + minutes * MINUTE


def test_a_seed_is_theirs_from_when_the_target_told_a_value() -> None:
    """It stays theirs after they cleared it, which is no difference to be mended; the rest waits to be written."""
    log = Log(RULES)
    holds = written(log)
    log.tell("delivered", request(1, at(2), 201, "POST", holds=holds))
    log.tell("read", request(2, at(3), method="GET", holds={**holds, "title": None, "roles": ["Trainer"]}))
    then, now = lines(log, 2.5), lines(log, 4)
    assert "title: theirs since 2026-11-24T12:02:00Z" in then
    assert {"roles: seeded, and not written yet", "externalIds teams: seeded, and not written yet"} <= set(then)
    assert {"title: theirs since 2026-11-24T12:02:00Z", "roles: theirs since 2026-11-24T12:03:00Z"} <= set(now)
    assert 'title: "Agent" was desired, not null (theirs since 2026-11-24T12:02:00Z)' in now
    assert 'roles: ["Agent"] was desired, not ["Trainer"] (theirs since 2026-11-24T12:03:00Z)' in now
    assert 'department: "Care" was desired, not null (only observed)' in now
    (answer,) = as_of(log.history(), at(4))
    assert row(answer)[-1] == "to do: patch externalIds"
    assert orjson.loads(orjson.dumps(as_object(answer)))["policies"][0] == {
        "attribute": "department",
        "policy": "observe",
        "since": None,
    }


def test_another_account_is_another_life() -> None:
    """Whoever was gone has nothing of what they had, in whatever order the log tells it."""
    log = Log(RULES)
    holds = written(log)
    log.tell("absent", request(2, at(3), 404, "GET", absent=True))
    log.tell("delivered", request(1, at(2), 201, "POST", holds=holds), request(3, at(4), 201, "POST", holds=holds))
    assert "title: theirs since 2026-11-24T12:02:00Z" in lines(log, 2.5)
    assert "title: seeded, and not written yet" in lines(log, 3.5)
    assert "title: theirs since 2026-11-24T12:04:00Z" in lines(log, 5)


def test_without_policies_nothing_is_said_of_them() -> None:
    """An older mapping's answer is as it was."""
    log = Log(RULES.partition("[policy]")[0])
    log.tell("delivered", request(1, at(2), 201, "POST", holds=written(log)))
    (answer,) = as_of(log.history(), at(4))
    assert answer.policies == ()
    assert not [line for line in lines(log, 4) if "theirs" in line or "observed" in line or "seeded" in line]
