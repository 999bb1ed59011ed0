"""A target in memory that misbehaves as it is told to, and one user's turn against it: the decider without its driver.

Steps are answered from what they say, not from their bytes: how a body looks on the wire is for the service tests.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from streamproc.core.fold.plan import Urgency, plan
from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import DeliveredState, Standing
from streamproc.core.records.operation import Create, Deactivate, Join
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.dialect import Dialect, create_body, expressible
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.after import after
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.desired_state import DesiredState, Work
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.mass_guard import Flow
from streamproc.sink.decide.next_step import next_step
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.progress import Freshness
from streamproc.sink.decide.steps import (
    AskGuard,
    AskMembership,
    AwaitName,
    Confirm,
    EndSessions,
    Exchange,
    FindGroup,
    FindHolder,
    FindManager,
    Finish,
    Glance,
    Locked,
    LockGroup,
    Looked,
    LookUp,
    Moment,
    NameAnswer,
    Read,
    ReadManager,
    SendMembership,
    SendUser,
    SessionsAnswer,
    Settle,
    Step,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Target

LANDING: Final = 31.0
CAUSE: Final = Cause("hris", "e1", Origin("events.hris", 0, 0, Millis(0)), None)
ANA: Final = Resource(
    externalId="E1",
    userName="ana@example.com",
    displayName="Ana",
    active=True,
    title="Agent",
    manager="M1",
    roles=["Agent", "employee"],
    groups=["Billing", "Spanish"],
)
"""A user as she may be desired."""

REFUSALS: Final = {
    "unsent": Response(None, {}, {}, sent=False),
    "501": Response(501, {}, {}),
    "429": Response(429, {}, {"retry-after": "7"}),
    "401": Response(401, {}, {}),
    "408": Response(408, {}, {}),
    "403": Response(403, {}, {}),
    "404": Response(404, {}, {}),
    "410": Response(410, {}, {}),
    "400": Response(400, {"detail": "no"}, {}),
    "invalidFilter": Response(400, {"scimType": "invalidFilter"}, {}),
    "uniqueness": Response(409, {"scimType": "uniqueness"}, {}),
    "invalidVers": Response(400, {"scimType": "invalidVers"}, {}),
    "noTarget": Response(400, {"scimType": "noTarget"}, {}),
    "409": Response(409, {}, {}),
    "412": Response(412, {}, {}),
    "413": Response(413, {}, {}),
}
"""Answers to a request that wasn't carried out: one for each row of the response policy, and more."""
LOST: Final = {"no answer": Response(None, {}, {}), "500": Response(500, {}, {}), "504": Response(504, {}, {})}
"""Answers that leave open whether a write was carried out."""
UNREAD: Final = frozenset({Freshness.UNKNOWN, Freshness.STALE})
READS: Final = (*REFUSALS, *LOST, "garbled", "lagging", "unfiltered", "no version")
WRITES: Final = (*REFUSALS, *LOST, *(f"{lost}, applied" for lost in LOST), "late", "no version", "no body")


@dataclass
class AdverseTarget:
    """Users and groups, and the requests that are still in the air."""

    dialect: Dialect
    versioned: bool = True
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Id to what is held, in our terms; the manager by the id here."""
    versions: dict[str, int] = field(default_factory=dict)
    """Id of a user or a group to its version."""
    groups: dict[str, set[str]] = field(default_factory=dict)
    """Name to ids of members. A group's id is `g-NAME`."""
    refused: frozenset[str] = frozenset()
    """Attributes that are never accepted; "groups" are all memberships."""
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Id to the user as they were before the last change."""
    late: list[Callable[[], object]] = field(default_factory=list)

    def changed(self, user_id: str, **attributes: Any) -> None:
        """Somebody changes a user."""
        self.before[user_id] = deepcopy(self.users[user_id])
        self.users[user_id] |= attributes
        self.versions[user_id] += 1

    def has(self, name: object) -> str | None:
        """Id of the user who has this userName."""
        return next((user_id for user_id, held in self.users.items() if held["userName"] == name), None)

    def land(self) -> None:
        """What was in the air is carried out, or not, by its version."""
        late, self.late = self.late, []
        for write in late:
            write()

    def answer(self, step: Any, how: str) -> Response:
        """The answer to a step that sends a request. `how`: "honest", or a misbehaviour."""
        if how in REFUSALS:
            return REFUSALS[how]
        if isinstance(step, SendUser | SendMembership):
            if how == "late":
                self.late.append(lambda: self._write(step))
                return LOST["no answer"]
            if how in LOST:
                return LOST[how]
            response = self._write(step)
            if how.endswith(", applied"):
                return LOST[how.removesuffix(", applied")]
            if response.status == 200 and how == "no body":
                return Response(204, {}, {})
        else:
            if how in LOST:
                return LOST[how]
            if how == "garbled":
                return Response(200, {"totalResults": 1, "roles": 7}, {})
            response = self._read(step, how)
        if how == "no version":
            body = {name: value for name, value in response.body.items() if name != "meta"}
            return replace(response, body=body, headers={})
        return response

    def _write(self, step: SendUser | SendMembership) -> Response:
        request, attribute = step.request, None
        if isinstance(step, SendMembership):
            name = step.operation.group
            there, user_id = f"g-{name}", request.path.rpartition("/")[2]
            attribute = "groups" if "groups" in self.refused else None
        else:
            there = user_id = request.path.rpartition("/")[2]
            attribute = next((name for name in step.resource if name in self.refused), None)
        if attribute:
            return Response(400, {"detail": f"{attribute} isn't configured"}, {})
        if request.if_match is not None and request.if_match != f'"{self.versions.get(there)}"':
            return REFUSALS["412"]
        if isinstance(step, SendMembership):
            user_id = str(request.body)
            member = next(user for user in self.users if f"'{user}'" in user_id or f'"{user}"' in user_id)
            change = self.groups[name].add if isinstance(step.operation, Join) else self.groups[name].discard
            change(member)
            self.versions[there] += 1
            return Response(200, self._group(name), {})
        resource = {**step.resource} | ({"manager": step.manager[1]} if step.manager else {})
        resource.pop("groups", None)
        if isinstance(step.operation, Create):
            if self.has(resource["userName"]) is not None:
                return REFUSALS["409"]
            user_id = f"u{len(self.users)}"
            self.users[user_id], self.versions[user_id] = resource, 1
            return replace(self._user(user_id, self.users[user_id]), status=201)
        if user_id not in self.users:
            return REFUSALS["404"]
        if self.has(resource.get("userName")) not in {None, user_id}:
            return REFUSALS["uniqueness"]
        self.changed(user_id, **resource)
        return self._user(user_id, self.users[user_id])

    def _read(self, step: Any, how: str) -> Response:
        match step:
            case Read() | Confirm() | Glance() | ReadManager():
                user_id = step.request.path.partition("?")[0].rpartition("/")[2]
                if user_id not in self.users:
                    return REFUSALS["404"]
                held = self.before.get(user_id, self.users[user_id]) if how == "lagging" else self.users[user_id]
                return self._user(user_id, held)
            case LookUp() | FindHolder():
                attribute = step.attribute if isinstance(step, LookUp) else "userName"
                value = step.value if isinstance(step, LookUp) else step.name
                found = [
                    {"id": there, "externalId": held.get("externalId"), "userName": held["userName"]}
                    for there, held in self.users.items()
                    if how == "unfiltered" or held.get(attribute) == value
                ]
                return _list([] if how == "lagging" else found)
            case FindGroup(name=name, by_id=True):
                return Response(200, self._group(name), {})
            case FindGroup(name=name):
                return _list([self._group(name)] if name in self.groups else [])
            case AskMembership(name=name):
                member = any(f"%22{user}%22" in step.request.path for user in self.groups[name])
                return _list([self._group(name)] if member else [])
            case _:
                raise AssertionError(step)

    def _user(self, user_id: str, held: dict[str, Any]) -> Response:
        body = create_body(cast("Resource", held), self.dialect) | {"id": user_id}
        if self.dialect.memberships == "user":
            body["groups"] = [{"value": f"g-{name}"} for name, members in self.groups.items() if user_id in members]
        return Response(200, body, {"etag": f'"{self.versions[user_id]}"'} if self.versioned else {})

    def _group(self, name: str) -> dict[str, Any]:
        group = {"id": f"g-{name}", "displayName": name}
        return group | ({"meta": {"version": str(self.versions[f"g-{name}"])}} if self.versioned else {})


def _list(resources: list[dict[str, Any]]) -> Response:
    return Response(200, {"totalResults": len(resources), "Resources": resources}, {})


def work(seq: int, desired: Resource) -> Turn[Work]:
    """A record of the one user."""
    record = DesiredState("E1", seq, seq - 1, "changed", CAUSE, desired, planned=True, problems=[])
    urgency = Urgency.REVOKE if desired.get("active") is False else Urgency.CHANGE
    return Turn("E1", 0, seq, urgency, Work(record))


class AdverseTurn:
    """The turn of one user, step by step, with what must hold after each."""

    def __init__(
        self, there: AdverseTarget, desired: Resource, delivery: DeliveredState | None, until: int = 0, seq: int = 10
    ) -> None:
        self.there = there
        self.delivered: dict[str, str] = {}
        """User to id, as far as our own log was asked."""
        self.target = Target(there.dialect, self.delivered.get, LANDING, guarded=True, ends_sessions=True)
        self.ticks = 1000.0
        self.progress = begin(work(seq, desired), delivery, Predecessor(until, 1020.0), Millis(0))
        self.steps: list[Step] = []
        self.finished: Finish | None = None
        self.by_hand: set[str] = set()
        """Groups that somebody else put the user into, which are nothing to us."""
        self.open: str | None = None
        """A write of unknown outcome that nothing was read after."""
        self.told: dict[str, str | None] = {}
        """Version that the target told last, by path."""
        self._telling: dict[str, str | None] = {}
        """The same, while the read isn't complete: newer work begins it anew."""

    def moment(self) -> Moment:
        """Each look takes a moment."""
        self.ticks += 0.001
        return Moment(self.ticks, Millis(round(self.ticks * 1000)), 0.5, target_down=False)

    def newer(self, desired: Resource) -> None:
        """Newer work is taken on board, unless the turn's fate is settled."""
        if not self.progress.ending and self.finished is None:
            before = self.progress.turn
            turn = work(before.offset + 1, desired)
            passed = [*before.superseded, (before.offset, before.work.condensed())]
            self.progress = self.progress.with_newer(replace(turn, superseded=passed))
            self._telling.clear()

    def next(self) -> Step:
        """What is next; the same however often it is asked."""
        at = self.moment()
        step = next_step(self.progress, self.target, at)
        assert step == next_step(self.progress, self.target, at)
        return step

    def carry_out(self, step: Step, how: str = "honest") -> None:
        """Answer the step, and check what it asks for."""
        self.steps.append(step)
        self._check(step)
        answer: Any
        match step:
            case Finish():
                self.finished = step
                return
            case Wait(until) | Settle(until):
                if isinstance(step, Settle):
                    self.there.land()
                self.ticks = max(self.ticks, until)
                answer = Waited(over=True)
            case AskGuard():
                answer = Flow(Standing("E1", self.progress.record.seq, "through", CAUSE))
            case FindManager(manager):
                self.delivered |= {manager: "m"} if how == "honest" else {}
                answer = Looked()
            case AwaitName(until=until):
                free = how == "honest" and self.there.has(self.progress.record.desired["userName"]) is None
                answer = NameAnswer("try" if free else "wait" if how == "honest" else cast("Any", how))
                self.ticks = max(self.ticks, until if answer.way == "wait" else 0.0)
            case LockGroup():
                answer = Locked()
            case EndSessions():
                answer = SessionsAnswer({"honest": 204, "404": 404}.get(how))
            case _:
                answer = self._exchange(step, how)
        result = after(self.progress, step, answer, self.target, self.moment())
        self.target.learn(result.learned)
        self.progress = result.progress
        if not self.progress.underway.asked:
            self.told |= self._telling
            self._telling.clear()
        if isinstance(step, LookUp | Read | Confirm | Glance | AskMembership) and self.progress.freshness not in UNREAD:
            self.open = None

    def _exchange(self, step: Any, how: str) -> Exchange:
        request, sent = step.request, self.ticks
        response = self.there.answer(step, how)
        self._note_version(step, response)
        write = isinstance(step, SendUser | SendMembership)
        if write and response.sent and response.status in {None, 500, 504}:
            self.open = request.path
        told = Request("r", request.method, request.path, request.body, Millis(0), Millis(0), response.status, None)
        return Exchange(response, told, sent)

    def _note_version(self, step: Any, response: Response) -> None:
        """What the target told of the version of a user or a group."""
        search = isinstance(step, LookUp | FindHolder | AskMembership)
        if response.status not in {200, 201, 204} or search or isinstance(step, ReadManager):
            return
        resource, path = response.body, step.request.path
        if isinstance(step, FindGroup):
            resource = next(iter(resource.get("Resources", [resource])), {})
            path = f"/Groups/g-{step.name}"
        elif path == "/Users":
            path = f"/Users/{resource.get('id')}"
        version = response.headers.get("etag") or resource.get("meta", {}).get("version")
        if resource.get("id") or step.request.method != "GET":
            self._telling[path] = f'"{version}"'.replace('""', '"') if version else None

    def _check(self, step: Step) -> None:
        progress = self.progress
        if isinstance(step, SendUser | SendMembership):
            assert self.open is None, f"{step} follows a write of unknown outcome to {self.open}, with no read between"
            known = self.told.get(step.request.path)
            if known is not None and not progress.form:  # a leaver's next form may be without
                assert step.request.if_match == known, f"{step} doesn't rest on version {known}"
        if progress.leaver and progress.parked is None and progress.wait_until is None:
            if isinstance(step, SendUser | SendMembership):
                assert isinstance(step.operation, Deactivate)
            known_active = progress.freshness in {Freshness.NOTED, Freshness.READ} and plan(
                progress.held, expressible(progress.record.desired, self.target.dialect)
            )
            if known_active or progress.freshness in UNREAD:
                other = isinstance(step, FindManager | ReadManager | FindHolder | AwaitName)
                ahead = other or isinstance(step, FindGroup | AskMembership | LockGroup | SendMembership)
                assert not ahead, f"a leaver waits for {step}"
                assert not isinstance(step, Read) or step.hurry
