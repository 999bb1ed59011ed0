"""SCIM clients at the front door: `python -m tests.bench.front_door [--quick] [--json] [--only serving|leaver]`.

Part `serving`: a gateway on a real broker, beside scim2-server over its own storage, in memory and without a log, in
the same run and asked by the same clients. What it measures:

- `patch_per_s`: PATCHes of one attribute of a user, from `SOCKETS` clients at once of `CONNECTIONS` connections, since
  one connection may do 100 a second. Ours and theirs in turns. `cpu_ms_per_patch` is CPU time of the process alone:
  where the machine is busy with others, the steadier measure.
- `patch_p99_ms`: the same, one at a time, a pause between.
- `cold_start_s`: from the start of a gateway without a file until it answers a read, with `USERS` users in its log,
  each created once, and a group of `MEMBERS`; `cold_start_cpu_s` is what it took of the CPU, 3 of it before it reads
  anything. `warm_start_s`: again, with the file.
- `match_p99_ms`: the look-up before a creation, `userName eq`, among these users.
- `member_add_p99_ms`: one more member of that group. Theirs takes a second, so it is asked a few times only.

Part `leaver`: from a PATCH to revoked access through the whole pipeline; see `leaver.py`.
"""

import asyncio
import logging
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.provider.state import ResourceType
from streamproc.core.records.topic_names import PUSHED
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import parser, say, show, size
from tests.bench.cpu import process_cpu, usage
from tests.bench.scim import leaver
from tests.bench.scim.client import Answered, Client, client, one_by_one
from tests.bench.scim.people import Written, group, user
from tests.bench.scim.served import Serving, connections_file, gateway, scim2_server, token

USERS, MEMBERS = size(50_000, 5_000), size(10_000, 2_000)
PATCHES, ROUNDS, SOCKETS, CONNECTIONS = size(4_000, 1_000), size(3, 2), 64, 16
SINGLE, FEW, PAUSE = size(500, 150), size(5, 3), 0.02
"""Requests one by one, and so many where each takes a second."""
LARGE: Final = "large"
"""The connection with all the users."""


class Side:
    """One of the two, asked by clients. `tokens` and `users`: of each connection in turn, one and the ids of some."""

    def __init__(self, serving: Serving, tokens: list[str], users: list[list[str]]) -> None:
        self.serving, self._tokens, self._users = serving, tokens, users
        self._number = 0

    async def patches(self, times: int) -> tuple[float, float]:
        """PATCHes per second from all sockets at once, and CPU seconds of each."""
        numbers, clock = iter(range(times)), asyncio.get_running_loop().time

        async def some(number: int) -> None:
            which = number % len(self._tokens)
            async with client(self.serving.port, self._tokens[which]) as at:
                for each in numbers:
                    await self._patch(at, self._users[which][each % len(self._users[which])])

        cpu, begun = process_cpu(self.serving.pid), clock()
        await asyncio.gather(*map(some, range(SOCKETS)))
        return times / (clock() - begun), (process_cpu(self.serving.pid) - cpu) / times

    async def single(self, name: str) -> dict[str, float]:
        """One after the other."""
        ids = self._users[0]
        async with client(self.serving.port, self._tokens[0]) as at:
            return await alone(name, self.serving.pid, SINGLE, lambda each: self._patch(at, ids[each % len(ids)]))

    async def _patch(self, at: Client, id_: str) -> Answered:
        self._number += 1
        return await at.replace("Users", id_, {"op": "replace", "path": "title", "value": f"Agent {self._number}"})


async def among_many(name: str, pid: int, at: Client, ids: list[str], everybody: str, times: int) -> dict[str, float]:
    """Look-ups among all users, as Okta asks, and members that come to the large group, as Okta and Entra tell it."""

    async def match(number: int) -> Answered:
        sought = user(number * 7919 % USERS)["userName"]
        told = await at.send("GET", "/Users", filter=f'userName eq "{sought}"', startIndex="1", count="100")
        assert told.body["totalResults"] == 1, told
        return told

    async def add(number: int) -> Answered:
        value = [{"value": ids[MEMBERS + number]}]
        return await at.replace("Groups", everybody, {"op": "add", "path": "members", "value": value})

    await match(0)
    return await alone(f"{name}match", pid, SINGLE, match) | await alone(f"{name}member_add", pid, times, add)


async def alone(what: str, pid: int, times: int, send: Callable[[int], Awaitable[Answered]]) -> dict[str, float]:
    """Requests one at a time: milliseconds of the median, and of the 99th of a hundred, of few the longest; CPU of each
    in the process that answers, with what it does in the pauses.
    """
    cpu = process_cpu(pid)
    seconds = sorted(await one_by_one(times, PAUSE, send))
    cpu = process_cpu(pid) - cpu
    p99 = seconds[min(int(len(seconds) * 0.99), len(seconds) - 1)]
    return {
        f"{what}_p50_ms": round(statistics.median(seconds) * 1000, 1),
        f"{what}_p99_ms": round(p99 * 1000, 1),
        f"{what}_cpu_ms": round(cpu / times * 1000, 2),
    }


async def written(settings: Settings, partition: int) -> tuple[list[str], str]:
    """Fill the log of the large connection. Returns the users' ids in order, and the group's."""
    log = Written(LARGE, partition)
    async with KafkaLog(settings.kafka).producer() as producer:

        async def post(type_: ResourceType, content: dict[str, Any]) -> str:
            made = ""
            for value, made in log.post(type_, content):  # noqa: B007 - the last one's
                await producer.send(PUSHED, value, LARGE.encode(), partition=partition)
            return made

        ids = [await post("User", user(number)) for number in range(USERS)]
        return ids, await post("Group", group(ids[:MEMBERS]))


async def created(port: int, tokens: list[str]) -> list[list[str]]:
    """Users of each connection."""

    async def make(token_: str) -> list[str]:
        async with client(port, token_) as at:
            return [(await at.send("POST", "/Users", user(number))).body["id"] for number in range(20)]

    return await asyncio.gather(*map(make, tokens))


async def serving() -> dict[str, Any]:
    """See above."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(embedded_kafka(progress=lambda _: None))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        partitions = load_settings(kafka=broker.bootstrap).kafka.partitions
        names = {f"c{number}": number % partitions for number in range(CONNECTIONS)} | {LARGE: partitions - 1}
        settings = load_settings(
            kafka=broker.bootstrap,
            gateway_port=0,
            gateway_scim_state=str(folder / "state"),
            scim_connections=str(connections_file(folder, names)),
        )
        await ensure_topics(settings.kafka)
        ids, everybody = await written(settings, partitions - 1)
        say(f"{USERS} users are in the log")
        begun = usage(broker.pid)
        async with gateway(settings, folder / "cold.log", LARGE) as cold:
            say(f"cold start {cold.seconds:.1f} s")
        running = await stack.enter_async_context(gateway(settings, folder / "gateway.log", LARGE))
        tokens = [token(f"c{number}") for number in range(CONNECTIONS)]
        ours = Side(running, tokens, await created(running.port, tokens))
        other, their_ids, their_group = await stack.enter_async_context(scim2_server(USERS, MEMBERS))
        theirs = Side(other, ["any"], [their_ids[:160]])
        sides = {"": (ours, PATCHES), "other_": (theirs, PATCHES // 4)}
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for number in range(-1, ROUNDS):
            for name, (each, times) in sides.items():
                rates[name].append(await each.patches(times))
            say(f"round {number + 1} of {ROUNDS}: " + ", ".join(f"{told[-1][0]:.0f}/s" for told in rates.values()))
        figures: dict[str, Any] = {}
        for name, (each, _) in sides.items():
            counted = rates[name][1:]  # the first warms up
            figures |= {
                f"{name}patch_per_s": round(statistics.median(rate for rate, _ in counted)),
                f"{name}cpu_ms_per_patch": round(statistics.median(cpu for _, cpu in counted) * 1000, 2),
                **await each.single(f"{name}patch"),
            }
        async with client(running.port, token(LARGE)) as at:
            figures |= await among_many("", running.pid, at, ids, everybody, SINGLE)
        async with client(other.port, "any") as at:
            figures |= await among_many("other_", other.pid, at, their_ids, their_group, FEW)
        used = usage(broker.pid) - begun
    return {
        **figures,
        "cold_start_s": round(cold.seconds, 1),
        "cold_start_cpu_s": round(cold.cpu, 1),
        "warm_start_s": round(running.seconds, 1),
        "users": USERS,
        "members": MEMBERS,
        "sockets": SOCKETS,
        "connections": CONNECTIONS,
        **used.row(),
    }


def main() -> None:
    """Command line."""
    parts = {"serving": serving, "leaver": leaver.measure}
    arguments = parser(__doc__)
    arguments.add_argument("--only", choices=parts, help="one of the two parts")
    options = arguments.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # a new topic has no leader for a moment
    figures: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in [options.only] if options.only else parts:
            figures |= runner.run(parts[name]())
    show("SCIM clients at the front door, and scim2-server's own storage", figures, json=options.json)


if __name__ == "__main__":
    main()
