"""Whoever appends a history's steps to the log: sources, and an operator who looks at what is set aside and orders."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from streamproc.adapters.kafka.log import Log, Producer, started
from streamproc.core.records.control import APPLIES, Action, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators.controls import control, order, set_aside
from streamproc.operators.findings import current_findings, deactivate
from streamproc.operators.loops import frozen_items, unfreeze
from streamproc.operators.rejections import rejected_inputs
from tests.simulation.mappings import TEXTS

BY: Final = "Kim Berg"
WHY: Final = "the history says so"
KINDS: Final = frozenset({"say", "rubbish", "mapping", "order", "sweep"})
"""Steps that are carried out here."""
PLACE: Final = "streamproc-forwarded"
"""Header that tells where a record was first."""
SWEPT: Final[tuple[Action, ...]] = ("release", "retry", "unfreeze", "resume")


class Place(NamedTuple):
    """Where a record is. `appended`: ms since 1970."""

    topic: str
    partition: int
    offset: int
    appended: int


class Operator:
    """`log`: as the process has it in which the steps are carried out. `now`: ms since 1970, there."""

    def __init__(self, log: Log, now: Any) -> None:
        self._log = log
        self._now = now
        self._orders = 0
        self._steps: dict[tuple[str, int, int], int] = {}
        self.appended: dict[int, float] = {}
        """Number of a step → when the broker had its record, in seconds since 1970."""

    async def perform(self, step: Mapping[str, Any], number: int = -1) -> list[Place]:
        """Returns where its records are; nothing, where an order applies to nobody. Raises KafkaError.

        `number`: of the step in its history.
        """
        places = await self._performed(step)
        for place in places:
            self._steps[place[:3]] = number
            self.appended[number] = place.appended / 1000
        return places

    def arrived(self, forwarded: Iterable[Mapping[str, bytes]]) -> list[int]:
        """Numbers of the steps in the order in which the worker brought them into line, by the headers of the records
        of `streamproc.forwarded`, partition by partition. Those that never were are the last.
        """
        places = (each[PLACE].decode().split("/") for each in forwarded if PLACE in each)
        found = (self._steps.get((topic, int(partition), int(offset))) for topic, partition, offset, _ in places)
        order = dict.fromkeys(number for number in found if number is not None)
        return [*order, *(number for number in sorted(self.appended) if number not in order)]

    async def _performed(self, step: Mapping[str, Any]) -> list[Place]:
        match step["kind"]:
            case "say":
                return [await self._append(step["topic"], step["key"], orjson.dumps(step["value"]))]
            case "rubbish":
                text = step["text"]
                return [
                    await self._append(step["topic"], step["key"], None if text is None else text.encode("latin-1"))
                ]
            case "mapping":
                return await self._order([self._control("mapping", mapping=TEXTS[step["mapping"]])])
            case "order":
                return await self._order(await self._about(step["action"], step, ()))
            case "sweep":
                spare = {"release": step["spare"]}  # whom somebody said no to, all the same what else they wait for
                found = [await self._about(action, {}, spare.get(action, ())) for action in SWEPT]
                return await self._order([each for orders in found for each in orders])
            case kind:
                raise ValueError(kind)

    async def _about(self, action: Action, step: Mapping[str, Any], spare: Sequence[str]) -> list[Control]:
        user = step.get("user")
        match action:
            case "link" | "split":
                return [self._control(action, user=user, subject=step["subject"])]
            case "pause" | "resume":
                return [self._control(action)]
            case "replay" | "drop":
                return await self._inputs(action)
            case "deactivate":
                found = (await current_findings(self._log)).values()
                ordered = [deactivate(each, BY, WHY, self._millis()) for each in found]
                return [each for each in ordered if isinstance(each, Control)]
            case "unfreeze":
                users = sorted({each.user for each in await frozen_items(self._log)} - set(spare))
                return unfreeze([each for each in users if user in {None, each}], (), BY, WHY, self._millis())
        aside = [each for each in await set_aside(self._log) if each.parked and each.parked.code in APPLIES[action]]
        named = [each for each in aside if user in {None, each.user} and each.user not in spare]
        return [control(action, each, BY, WHY, self._millis()) for each in named]

    async def _inputs(self, action: Action) -> list[Control]:
        inputs = [each for each in await rejected_inputs(self._log) if each.state == "open"]
        able = [each for each in inputs if action == "drop" or each.irreplayable is None]
        return [self._control(action, since=each.place.offset, input=each.name) for each in able]

    def _control(self, action: Action, user: str | None = None, since: int | None = None, **more: Any) -> Control:
        self._orders += 1
        return Control(f"{action}-{self._orders}", action, user, since, BY, WHY, self._millis(), **more)

    async def _order(self, controls: Sequence[Control]) -> list[Place]:
        if not controls:
            return []
        return [
            Place(CONTROLS, each.partition, each.offset, each.appended) for each in await order(self._log, controls)
        ]

    async def _append(self, topic: str, key: str | None, value: bytes | None) -> Place:
        producer: Producer
        async with started(self._log.producer()) as producer:
            sent = await producer.send_and_wait(topic, value, None if key is None else key.encode())
        return Place(sent.topic, sent.partition, sent.offset, sent.timestamp)

    def _millis(self) -> Millis:
        return Millis(self._now())
