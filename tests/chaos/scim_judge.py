"""Whether what SCIM clients were told can be true of one order of all their requests: the log's.

Rule 1: a write that was answered 2xx counts once, after all that was answered before it was asked; one that was refused
never; of one whose answer was lost once or never.
Rule 2: what a write left there is what was there before, and what it asked for, and that is what its client was told.
Rule 3: what a read was told was so at some place of the log that lies after all that was answered before it was asked,
and before whatever was asked only after its answer. So was the reason for which something was refused.
From these follows that each resource is linearizable (Herlihy, Wing 1990), with the log as the witness.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from tests.chaos.scim_model import Counted, Model, Resource

ADDED: Final = {"schemas", "id", "meta", "groups", "members"}
"""What the server adds to attributes, or shows elsewhere."""
LATER: Final = frozenset({429, 503})
_FILTER: Final = re.compile(r'^/Users\?filter=userName eq "([^"]*)"$')
_REMOVED: Final = re.compile(r'^members\[value eq "([^"]*)"\]$')


@dataclass(slots=True)
class Request:
    """One request of a client's, and what came of it. Times in seconds, of one clock. `status` None: no answer came."""

    number: int
    connection: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    began: float
    ended: float = float("inf")
    status: int | None = None
    answer: Any = None
    etag: str | None = None
    delivery: str | None = None
    """What became of a deactivation, where the answer says it."""

    @property
    def agent(self) -> str:
        """Its User-Agent, which is in its records."""
        return f"chaos/{self.number}"

    @property
    def id(self) -> str:
        """Of the resource that it is about; empty: of none."""
        return self.path.split("?")[0].removeprefix("/").partition("/")[2]

    @property
    def type(self) -> str:
        """Of what it is about."""
        return "User" if self.path.startswith("/Users") else "Group"


@dataclass(slots=True)
class _Window:
    """Places of the log in which a request may have come to pass."""

    first: int
    last: int


class _Times:
    """Who knew of which places when. Requests are judged in the order of their answers."""

    def __init__(self, writes: Iterable[tuple[float, int]], end: int) -> None:
        asked = sorted(writes, reverse=True)
        self._asked = [-at for at, _ in asked]
        self._lowest = list(accumulate((offset for _, offset in asked), min))
        self._end = end
        self._answered: list[float] = []
        self._highest: list[int] = []

    def window(self, request: Request) -> _Window:
        """After all that was answered before it was asked, before all that was asked after it was answered."""
        before = bisect_left(self._answered, request.began)
        after = bisect_left(self._asked, -request.ended)
        first = self._highest[before - 1] if before else -1
        last = self._lowest[after - 1] - 1 if after else self._end
        return _Window(first, last)

    def answered(self, request: Request, place: int) -> None:
        """It came to pass there, or later."""
        self._answered.append(request.ended)
        self._highest.append(max(place, self._highest[-1] if self._highest else -1))


def violations(model: Model, requests: Iterable[Request]) -> list[str]:
    """What can't be, in sentences; none: all is well. `requests`: all of the model's connection."""
    in_order = sorted(requests, key=lambda request: request.ended)
    by_agent = {each.agent: each for each in in_order}
    found = list(model.wrong)
    found += [f"{agent} is nobody's, and has a record" for agent in model.counted.keys() - by_agent.keys()]
    found += _shared_names(model)
    records = ((agent, each.record.offset) for agent, counted in model.counted.items() for each in counted)
    times = _Times(((by_agent[agent].began, offset) for agent, offset in records if agent in by_agent), model.end)
    for each in in_order:
        window = times.window(each)
        wrong, place = _written(model, each, window) if each.method != "GET" else _was_read(model, each, window)
        found += [f"{each.number} {each.method} {each.path} -> {each.status}: {what}" for what in wrong]
        if place is not None:
            times.answered(each, place)
    return found


def _was_read(model: Model, request: Request, window: _Window) -> tuple[list[str], int | None]:
    """What is wrong with a read, and the first place at which it may have been."""
    if request.agent in model.counted:
        return ["a read is in the log"], None
    if request.status not in {200, 404}:
        return _unexpected(request), None
    place = next((at for at, fits in _seen(model, request, window) if fits), None)
    return ([] if place is not None else [f"not so anywhere in {window.first} to {window.last}"]), place


def _written(model: Model, request: Request, window: _Window) -> tuple[list[str], int | None]:
    """The same of a write; of one that was refused, the first place at which there was a reason."""
    counted = model.counted.get(request.agent, [])
    wrong = [f"it counts {len(counted)} times"] if len(counted) > 1 else []
    if any(each.record.offset <= window.first for each in counted):
        wrong.append("it came to pass before what had been answered before")
    for each in counted:
        wrong += _effect(request, each)
    if request.status is None or request.status in LATER:
        return wrong, None
    if request.status // 100 == 2:
        if not counted:
            return [*wrong, "it isn't in the log"], None
        return wrong + _told(request, counted[-1]), counted[-1].record.offset
    if request.status == 400 and request.delivery == "parked":  # refused by the target: it is in the log
        return ([] if counted else ["it isn't in the log"]), counted[-1].record.offset if counted else None
    wrong += ["it was refused, and counts"] * bool(counted)
    refused = _refused(model, request)
    if refused is None:
        return wrong + _unexpected(request), None
    place = next((at for at in sorted(_places(model, request, window)) if refused(at)), None)
    return wrong + [f"no reason for it in {window.first} to {window.last}"] * (place is None), place


def _unexpected(request: Request) -> list[str]:
    later = request.status is None or request.status in LATER
    return [] if later else [f"an answer that nobody expects: {request.answer}"]


def _seen(model: Model, request: Request, window: _Window) -> Iterable[tuple[int, bool]]:
    filtered = _FILTER.match(request.path)
    if filtered is None:
        for at, state in model.past(request.id).between(window.first, window.last):
            yield at, (state is None) == (request.status == 404) and (state is None or _shows(request, state))
        return
    shown = request.answer["Resources"]
    for at, id_ in model.holder(("User", "userName", filtered[1].lower())).between(window.first, window.last):
        if id_ is None:
            yield at, not shown
            continue
        for place, state in model.past(id_).between(at, window.last):
            if model.holder(("User", "userName", filtered[1].lower())).at(place) == id_:
                yield place, len(shown) == 1 and _is(shown[0], state)


def _shows(request: Request, state: Resource) -> bool:
    return request.etag == f'W/"{state.version}"' and _is(request.answer, state)


def _is(shown: Mapping[str, Any], state: Resource | None) -> bool:
    """Whether a document is a resource at this version."""
    if state is None:
        return False
    attributes = {name: value for name, value in shown.items() if name not in ADDED}
    members = {each["value"] for each in shown.get("members", ())}
    return (
        shown["id"] == state.id
        and shown["meta"]["version"] == f'W/"{state.version}"'
        and attributes == state.attributes
        and members == state.members
    )


def _told(request: Request, last: Counted) -> list[str]:
    """What the client heard, of what its write has left there."""
    if last.after is None:
        return [] if request.status == 204 and request.answer is None else ["deleted, and told otherwise"]
    if request.etag != f'W/"{last.after.version}"':
        return [f"told {request.etag}, and it is {last.after.version}"]
    return [] if request.answer is None or _is(request.answer, last.after) else ["told something else than it has done"]


def _effect(request: Request, counted: Counted) -> list[str]:
    """Rule 2."""
    before, after, body = counted.before, counted.after, request.body or {}
    if request.method == "DELETE":
        return [] if after is None else ["deleted, and it is there"]
    if after is None:
        return ["it is gone"]
    attributes = {} if before is None else dict(before.attributes)
    members = set() if before is None else set(before.members)
    if request.method in {"POST", "PUT"}:
        attributes = {name: value for name, value in body.items() if name not in ADDED}
        if "members" in body:
            members = {each["value"] for each in body["members"]}
    for each in body.get("Operations", ()):
        removed = _REMOVED.match(each.get("path", ""))
        if removed is not None:
            members.discard(removed[1])
        elif each.get("path") == "members":
            members |= {member["value"] for member in each["value"]}
        else:
            attributes[each["path"]] = each["value"]
    wrong = [] if attributes == after.attributes else [f"it left {after.attributes}, and not {attributes}"]
    return wrong if members == after.members else [*wrong, "it left other members"]


def _refused(model: Model, request: Request) -> Callable[[int], bool] | None:
    """Whether there was the reason for which it was refused, at a place. None: there is none for such an answer."""
    if request.status == 404 and request.id:
        return lambda at: model.past(request.id).at(at) is None
    if request.status == 409:
        claims = _wanted(request)
        return lambda at: any(model.holder(claim).at(at) not in {None, request.id} for claim in claims)
    return None


def _wanted(request: Request) -> list[tuple[str, str, str]]:
    body = request.body or {}
    named = {each["path"]: each["value"] for each in body.get("Operations", ()) if each.get("path")} | dict(body)
    names: dict[str, Callable[[str], str]] = {"displayName": str.lower}
    if request.type == "User":
        names = {"userName": str.lower, "externalId": str}
    return [(request.type, name, fold(named[name])) for name, fold in names.items() if name in named]


def _places(model: Model, request: Request, window: _Window) -> set[int]:
    """Those at which something may have changed that matters to a refusal."""
    pasts = [model.past(request.id), *(model.holder(claim) for claim in _wanted(request))]
    return {at for past in pasts for at, _ in past.between(window.first, window.last)}


def _shared_names(model: Model) -> list[str]:
    """One user per userName, at the end: by the names themselves, and not by what records claim."""
    names: dict[tuple[str, str], list[str]] = {}
    for each in model.now.values():
        attribute = "userName" if each.type == "User" else "displayName"
        names.setdefault((each.type, str(each.attributes[attribute]).lower()), []).append(each.id)
    return [f"{name} is the name of {len(ids)}" for (_, name), ids in names.items() if len(ids) > 1]
