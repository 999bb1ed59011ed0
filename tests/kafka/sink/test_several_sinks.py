"""Several sinks on a real broker: what one has delivered, the others read from the log when they need it."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from streamproc.core.records.partitioner import partition_of
from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.settings import Settings
from tests.support.rig import Rig, person, rig


def one_in_each(partitions: int) -> list[str]:
    """User IDs."""
    numbers = (f"E{number}" for number in count(1))
    found: dict[int, str] = {}
    while len(found) < partitions:
        user = next(numbers)
        found.setdefault(partition_of(user.encode(), partitions), user)
    return list(found.values())


async def managers(made: Rig) -> dict[str, str | None]:
    """User to the manager's user ID, as the stand-in shows them."""
    users = await made.users()
    of = {each["id"]: user for user, each in users.items()}
    return {user: of.get(each.get(ENTERPRISE, {}).get("manager", {}).get("value")) for user, each in users.items()}


async def names(made: Rig) -> dict[str, str]:
    return {user: each["userName"] for user, each in (await made.users()).items()}


async def until(what: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Soon: within less than what is set aside waits for its next attempt."""
    async with asyncio.timeout(20):
        while await what() != wanted:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)


async def test_managers_and_names_go_from_sink_to_sink(settings: Settings, tmp_path: Path) -> None:
    """Everybody's manager is in another partition, and all names go round: managers are written, names end right, and
    a sink that gets the others' partitions goes on.
    """
    users = one_in_each(settings.kafka.partitions)
    next_one = dict(zip(users, users[1:] + users[:1], strict=True))
    async with rig(settings, tmp_path) as made:
        async with made.sink(), made.sink():
            hired = [(user, await made.say(user, **person(user), manager=next_one[user])) for user in users]
            await made.all_told(hired)
            await until(lambda: managers(made), next_one)
            ids = {user: each["id"] for user, each in (await made.users()).items()}
            wanted = {user: f"{other.lower()}@example.com" for user, other in next_one.items()}
            await made.all_told([(user, await made.say(user, userName=name)) for user, name in wanted.items()])
            await until(lambda: names(made), wanted)
        async with made.sink():
            await made.all_told([(user, await made.say(user, manager=users[0])) for user in users])
        assert await managers(made) == dict.fromkeys(users, users[0])
        assert {user: each["id"] for user, each in (await made.users()).items()} == ids
