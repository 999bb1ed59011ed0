"""Growth: a user is filled to every limit, by every route, and then leaves.

Everybody comes in first, and has access; then producers and directories say of them as much as they can, within what
they may; then one of them says that they have left, in one of the ways in which that is said. The judge is the target,
and the bytes in the topics.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, TypeAlias

import orjson

from streamproc.core.records.topic_names import CHANGES, LINKS, OPERATIONS, REJECTIONS
from tests.attack.part import Found, Part
from tests.field.pipeline import Pause, Ran, play
from tests.field.says import NOW

Record: TypeAlias = dict[str, Any]
Route: TypeAlias = Callable[[str, Random], Iterator[Record]]

START: Final = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(hours=2)
USERS: Final = 8
"""In one run of the pipeline."""
RECORD: Final = 1024 * 1024
"""Bytes that a broker takes by default."""
STATE: Final = 192 * 1024
"""Bytes of state that one input may write, besides `COPIES` of its own."""
COPIES: Final = 6
ROWS: Final = 240
"""Records by which somebody is filled in small steps, and in large ones."""
LARGE: Final = 24


def _time(minute: float) -> str:
    return (START + timedelta(seconds=minute * 2)).isoformat()


def _hris(user: str, name: str, minute: float, **fields: Any) -> Record:
    event = {"id": name, "type": "change", "subject": user, "time": _time(minute), "attributes": {}, **fields}
    topic = "events.hris"
    return {"topic": topic, "key": user, "value": event}


def _okta(subject: str, user: str | None, minute: float, status: str = "ACTIVE", **profile: Any) -> Record:
    said = {"login": f"{subject}@example.com", "firstName": "T", "lastName": subject, **profile}
    if user is not None:
        said["employeeNumber"] = user
    value = {"id": subject, "status": status, "created": "2024-01-01T00:00:00.000Z", "profile": said}
    value |= {"lastUpdated": _time(minute).replace("+00:00", "Z"), "_embedded": {"groups": []}}
    return {"topic": "events.okta", "key": subject, "value": value}


def _hired(user: str) -> Record:
    attributes = {"userName": f"{user}@example.com", "displayName": user, "active": True}
    return _hris(user, f"{user}-hired", 0, type="snapshot", attributes=attributes)


def _ahead(days: float) -> str:
    return (START + timedelta(days=days)).isoformat()


# Routes by which somebody is filled


def _rows(user: str, random: Random) -> Iterator[Record]:
    """A timeline of rows, each with a large value."""
    for each in range(ROWS):
        attributes = {"custom": {"genesysRole": "r" * random.randrange(2_000, 6_000)}}
        yield _hris(user, f"{user}-row{each}", 1 + each, effective=_ahead(30 + each), attributes=attributes)


def _starts(user: str, random: Random) -> Iterator[Record]:
    """Rows that let somebody in again and again, far ahead."""
    for each in range(ROWS):
        when = _ahead(random.randrange(200, 9_000))
        yield _hris(
            user, f"{user}-start{each}", 1 + each, effective=when, attributes={"active": True, "job": "j" * 900}
        )


def _ends(user: str, random: Random) -> Iterator[Record]:
    """Rows that end somebody far ahead, so that a nearer end is one of many."""
    for each in range(ROWS):
        attributes = {"active": False, "department": "d" * random.randrange(10, 1_000)}
        yield _hris(user, f"{user}-end{each}", 1 + each, effective=_ahead(9_000 + each), attributes=attributes)


def _cancels(user: str, _: Random) -> Iterator[Record]:
    """Cancellations of rows that nobody has heard of, each with a name of its own."""
    for each in range(ROWS):
        name = f"{each}-" + "c" * 240
        yield _hris(user, f"{user}-cancel{each}", 1 + each, cancels=name, attributes={"job": "agent"})


def _values(user: str, random: Random) -> Iterator[Record]:
    """Values as large as an event may be, in facts that the mapping reads."""
    for each in range(LARGE):
        name = random.choice(("genesysRole", "genesysLanguage", "manager2", "genesysQueue"))
        attributes = {"custom": {name: "v" * random.randrange(150_000, 240_000)}}
        yield _hris(user, f"{user}-value{each}", 1 + each, attributes=attributes)


def _lists(user: str, random: Random) -> Iterator[Record]:
    """Long lists of names that become roles, with levels."""
    for each in range(LARGE):
        names = [f"{each}-{number}-" + "n" * random.randrange(40) for number in range(1_500)]
        yield _hris(user, f"{user}-list{each}", 1 + each, attributes={"custom": {"genesysRole": names}})


def _attributes(user: str, random: Random) -> Iterator[Record]:
    """Attributes of an account that no mapping reads: its link holds them."""
    yield _okta(f"00u{user}", user, 1)
    for each in range(LARGE):
        more = {f"a{each}-{number}": "x" * random.randrange(8_000, 15_000) for number in range(40)}
        yield _okta(f"00u{user}", user, 2 + each, **more)


def _waiting(user: str, random: Random) -> Iterator[Record]:
    """An account of nobody, of which much waits, until it turns out whose it is."""
    for each in range(LARGE):
        more = {f"w{each}-{number}": "x" * random.randrange(4_000, 9_000) for number in range(10)}
        yield _okta(f"00u{user}", None, 2 + each, **more)
    yield _okta(f"00u{user}", user, 3 + LARGE)


def _names(user: str, random: Random) -> Iterator[Record]:
    """Ids that are as long as they may be, or longer."""
    yield _okta(f"00u{user}", user, 1)
    for each in range(LARGE):
        long = "i" * random.choice((200, 255, 257, 70_000))
        yield _hris(user, f"{each}{long}", 1 + each, attributes={"job": "j" * 1_000})
        event = {"eventType": "user.account.update_profile", "uuid": f"{each}{long}", "published": _time(1 + each)}
        target = [{"id": f"00u{user}", "type": "User"}]
        yield {"topic": "events.okta", "key": f"00u{user}", "value": event | {"target": target}}


def _accounts(user: str, _: Random) -> Iterator[Record]:
    """Many accounts with one number."""
    for each in range(LARGE * 2):
        status = ("ACTIVE", "STAGED", "ACTIVE")[each % 3]
        yield _okta(f"00u{user}-{each}", user, 1 + each, status, more="m" * 12_000)


def _moving(user: str, _: Random) -> Iterator[Record]:
    """An account that becomes this user's and others' in turn, with all that it has said."""
    for each in range(LARGE * 2):
        number = user if each % 2 else f"{user}-other{each}"
        yield _okta(f"00u{user}-moving", number, 1 + each, **{f"m{each}": "m" * 9_000})


FILLS: Final[tuple[Route, ...]] = (
    *(_rows, _starts, _ends, _cancels, _values, _lists, _attributes, _waiting, _names, _accounts, _moving),
)

# How somebody leaves

LAST: Final = 3_000
"""Minute of leaving, behind all else; the clock of the source has come so far."""


def _by_word(user: str, _: Random) -> Iterator[Record]:
    yield _hris(user, f"{user}-left", LAST, attributes={"active": False})


def _by_large_word(user: str, random: Random) -> Iterator[Record]:
    size = random.choice((100_000, 250_000, 400_000, 1_000_000))
    attributes = {"active": False, "custom": {"genesysRole": "l" * size, "more": {"deep": "d"}}}
    yield _hris(user, f"{user}-left", LAST, attributes=attributes)


def _by_snapshot(user: str, _: Random) -> Iterator[Record]:
    attributes = {"userName": f"{user}@example.com", "displayName": user, "active": False, "job": "j" * 1_000}
    roles = {"genesysRole": [f"left-{each}" for each in range(9_000)]}
    yield _hris(user, f"{user}-left", LAST, type="snapshot", attributes=attributes | {"custom": roles})


def _by_date(user: str, random: Random) -> Iterator[Record]:
    when = (START + timedelta(hours=3)).isoformat()
    attributes = {"active": False, "custom": {"genesysRole": "d" * random.choice((1, 200_000))}}
    yield _hris(user, f"{user}-left", LAST, effective=when, attributes=attributes)


def _by_account(user: str, random: Random) -> Iterator[Record]:
    more = {f"b{number}": "x" * random.choice((10, 15_000, 60_000)) for number in range(random.choice((1, 20)))}
    yield _okta(f"00u{user}", user, LAST, "SUSPENDED", **more)


LEAVINGS: Final[tuple[Route, ...]] = (_by_word, _by_large_word, _by_snapshot, _by_date, _by_account)


def _attack(random: Random, inputs: int) -> Found:
    found = Found()
    pairs = [(fill, leave) for leave in LEAVINGS for fill in FILLS]
    random.shuffle(pairs)
    number = 0
    while found.tried < inputs:
        chosen: list[tuple[str, Route, Route]] = []
        for _ in range(min(USERS, inputs - found.tried)):
            fill, leave = pairs[number % len(pairs)]
            chosen.append((f"G{number:04}", fill, leave))
            number += 1
            found.tried += 1
        _play(found, chosen, random)
    return found


def _play(found: Found, chosen: list[tuple[str, Route, Route]], random: Random) -> None:
    said = {user: [_hired(user)] for user, *_ in chosen}
    for user, fill, leave in chosen:
        said[user] += [_okta(f"00u{user}", user, 1)] if leave is _by_account else []
        said[user] += [*fill(user, random), *leave(user, random)]
    every = [each for records in said.values() for each in records]
    ran = play([*every, Pause(3_600 * 3)], pause=0.01)
    for user, fill, leave in chosen:
        by = f"{user}, {fill.__name__}, {leave.__name__}"
        if ran.active(user) is not False:
            found.harmed("kept_in", f"{by}: active is {ran.active(user)}")
        _weigh(found, ran, user, said[user], by)
    _account_for(found, ran, every)


def _weigh(found: Found, ran: Ran, user: str, said: list[Record], by: str) -> None:
    """Nothing is too large for a broker, and what is written is in proportion to what came in."""
    came = sum(len(orjson.dumps(each["value"])) for each in said)
    sizes = [
        (topic, len(value or b""))
        for topic, records in ran.appended.items()
        for key, value in records
        if topic not in {"events.hris", "events.okta"} and user.encode() in (key or b"")
    ]
    if (wrote := sum(size for _, size in sizes)) > COPIES * came + STATE * len(said):
        found.harmed("unbounded", f"{by}: {wrote} bytes written for {came} bytes in {len(said)} records")
    for topic, size in sizes:
        if size > RECORD and topic != REJECTIONS:
            found.harmed("unbounded", f"{by}: {size} bytes in one record of {topic}")


def _account_for(found: Found, ran: Ran, said: list[Record]) -> None:
    """Each input is an event in the log, a link that has taken it in, or a rejection."""
    events = {_event(value) for _, value in ran.appended.get(CHANGES, ())}
    links = [orjson.loads(value or b"{}") for _, value in ran.appended.get(LINKS, ())]
    fates = len(events) + len(ran.rejected) + len({(each["subject"], each["seq"]) for each in links})
    if fates < len(said):
        found.harmed("without_fate", f"{len(said)} records, {fates} fates")
    if not ran.appended.get(OPERATIONS):
        found.harmed("without_fate", "no record of any user")


def _event(value: bytes | None) -> tuple[str, str]:
    event = orjson.loads(value or b"{}")
    return event["subject"], event["event"]


PARTS: Final = (Part("growth", 220, 2, _attack),)
