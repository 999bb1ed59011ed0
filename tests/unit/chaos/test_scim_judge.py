"""Whoever judges the gateways finds each mistake that they could make, and nothing where nothing is wrong."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamproc.core.provider.event import Asked, ScimEvent
from streamproc.core.provider.fold import fold
from streamproc.core.provider.state import Folded, ResourcesInMemory
from streamproc.core.records.units import Millis
from tests.chaos.scim_judge import Request, violations
from tests.chaos.scim_model import Model, Record, new_id


@dataclass
class Story:
    """Requests, one after the other, and what lies in the log of them."""

    requests: list[Request] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def ask(self, method: str, path: str, status: int | None, answer: Any = None, *, body: Any = None) -> Request:
        """A request with its answer, which takes a second; the next one comes a second later."""
        number = len(self.requests)
        version = (answer or {}).get("meta", {}).get("version")
        request = Request(number, "okta", method, path, body, number * 2.0, number * 2.0 + 1, status, answer, version)
        if status is None:
            request.ended = float("inf")
        self.requests.append(request)
        return request

    def write(
        self, request: Request, change: str, id_: str | None, base: int | None, result: Any, **more: Any
    ) -> Record:
        """Its record. `claims` of a user: the name."""
        kind = request.type
        name = {} if result is None else {"userName" if kind == "User" else "displayName": None}
        claims = {each: result[each].lower() for each in name}
        value = {
            "connection": "okta",
            "change": change,
            "type": kind,
            "id": id_,
            "base": base,
            "claims": claims,
            "result": result,
            "members": None,
            "request": {"id": f"r{request.number}", "agent": request.agent},
            **more,
        }
        record = Record(1, len(self.records) * 3, value)
        self.records.append(record)
        return record

    def found(self) -> list[str]:
        """What the judge says."""
        return violations(Model("okta", self.records), self.requests)


def document(id_: str, version: int, attributes: Any, members: tuple[str, ...] = ()) -> dict[str, Any]:
    """As a client reads it."""
    shown = {"schemas": [], "id": id_, **attributes, "meta": {"version": f'W/"{version}"'}}
    return shown | {"members": [{"value": each} for each in members]} if members else shown


KIM = {"userName": "Kim", "title": "Clerk"}
LEAD = KIM | {"title": "Lead"}
SET = {"Operations": [{"op": "replace", "path": "title", "value": "Lead"}]}
ADD = {"Operations": [{"op": "add", "path": "members", "value": [{"value": "x"}]}]}


def a_story() -> Story:
    """Kim is made, changed, read, deleted; a name is refused; a group gets a member; one answer is lost."""
    story = Story()
    made = story.ask("POST", "/Users", 201, body=KIM)
    id_ = new_id(story.write(made, "create", None, None, KIM))
    made.answer, made.etag = document(id_, 0, KIM), 'W/"0"'
    changed = story.ask("PATCH", f"/Users/{id_}", 200, document(id_, 3, LEAD), body=SET)
    story.write(changed, "patch", id_, 0, LEAD)
    story.ask("GET", f"/Users/{id_}", 200, document(id_, 3, LEAD))
    story.ask("POST", "/Users", 409, {"detail": "taken"}, body=KIM)
    story.ask("GET", '/Users?filter=userName eq "Kim"', 200, {"Resources": [document(id_, 3, LEAD)]})
    gone = story.ask("DELETE", f"/Users/{id_}", 204)
    story.write(gone, "delete", id_, 3, None)
    story.ask("GET", f"/Users/{id_}", 404, {"detail": "none"})
    story.ask("GET", '/Users?filter=userName eq "Kim"', 200, {"Resources": []})
    grouped = story.ask("POST", "/Groups", 201, body={"displayName": "Sales", "members": []})
    group = new_id(story.write(grouped, "create", None, None, {"displayName": "Sales"}))
    grouped.answer, grouped.etag = document(group, 9, {"displayName": "Sales"}), 'W/"9"'
    added = story.ask("PATCH", f"/Groups/{group}", 204, body=ADD)
    members = {"add": ["x"], "remove": [], "count": 1, "part": 1}
    story.write(added, "patch", group, 9, {"displayName": "Sales"}, members=members)
    added.etag = 'W/"12"'
    story.ask("GET", f"/Groups/{group}", 200, document(group, 12, {"displayName": "Sales"}, ("x",)))
    story.ask("DELETE", f"/Groups/{group}", None)
    story.ask("GET", f"/Groups/{group}", 503, {"detail": "later"})
    return story


def test_a_story_in_which_all_is_well() -> None:
    """Nothing is found, neither where the lost request was never done, nor where it was."""
    story = a_story()
    assert story.found() == []
    lost = story.requests[11]
    story.write(lost, "delete", lost.id, 12, None)
    assert story.found() == []


def a_lost_write(story: Story) -> None:
    del story.records[1]


def a_write_twice(story: Story) -> None:
    again = deepcopy(story.records[-1])
    story.records.append(Record(1, 99, {**again.value, "base": 12, "change": "none", "members": None}))


def a_read_of_before(story: Story) -> None:
    story.requests[2].answer = story.requests[0].answer
    story.requests[2].etag = 'W/"0"'


def a_read_of_what_is_gone(story: Story) -> None:
    story.requests[6] = Request(
        6, "okta", "GET", story.requests[6].path, None, 12.0, 13.0, 200, story.requests[2].answer, 'W/"3"'
    )


def a_read_of_what_comes_only_then(story: Story) -> None:
    story.requests[2].began, story.requests[2].ended = 0.1, 0.2
    story.requests[1].began = 0.5


def a_read_that_goes_back(story: Story) -> None:
    first, second = story.requests[2], deepcopy(story.requests[2])
    change = story.requests[1]
    change.began, change.ended = 0.9, 8.0
    first.began, first.ended = 1.1, 2.0
    second.number, second.began, second.ended = 50, 2.5, 3.0
    second.answer, second.etag = story.requests[0].answer, 'W/"0"'
    story.requests.append(second)


def a_search_that_misses(story: Story) -> None:
    story.requests[4].answer = {"Resources": []}


def a_search_that_finds_what_is_gone(story: Story) -> None:
    story.requests[7].answer = deepcopy(story.requests[4].answer)


def a_name_that_nobody_has(story: Story) -> None:
    story.requests[3].body = {"userName": "Lou"}


def a_refusal_that_counts(story: Story) -> None:
    story.requests[1].status, story.requests[1].answer = 404, None


def other_attributes(story: Story) -> None:
    changed = KIM | {"title": "Boss"}
    story.records[1] = Record(1, 3, {**story.records[1].value, "result": changed})
    story.requests[1].answer = story.requests[2].answer = document(story.requests[1].id, 3, changed)
    story.requests[4].answer = {"Resources": [story.requests[2].answer]}


def a_member_too_few(story: Story) -> None:
    members = {"add": [], "remove": [], "count": 0, "part": 1}
    story.records[-1] = Record(1, 12, {**story.records[-1].value, "members": members})
    story.requests[10].answer = document(story.requests[10].id, 12, {"displayName": "Sales"})


def another_version(story: Story) -> None:
    story.requests[9].etag = 'W/"9"'


def an_answer_of_nobody(story: Story) -> None:
    story.requests[12].status = 500


def a_record_of_nobody(story: Story) -> None:
    value = deepcopy(dict(story.records[-1].value)) | {"base": 12, "change": "none", "members": None}
    story.records.append(Record(1, 99, value | {"request": {"id": "x", "agent": "somebody"}}))


def a_name_for_two(story: Story) -> None:
    more = story.ask("POST", "/Groups", None, body={"displayName": "sales"})
    story.write(more, "create", None, None, {"displayName": "sales"}, claims={"displayName": "other"})


def a_write_before_it_was_asked_for(story: Story) -> None:
    """It lies before one that had been answered by then."""
    first, second = story.requests[1], story.requests[5]
    first.began, first.ended = 100.0, 101.0
    second.began, second.ended = 2.0, 3.0


WRONG: list[Callable[[Story], None]] = [
    a_lost_write,
    a_write_twice,
    a_read_of_before,
    a_read_of_what_is_gone,
    a_read_of_what_comes_only_then,
    a_read_that_goes_back,
    a_search_that_misses,
    a_search_that_finds_what_is_gone,
    a_name_that_nobody_has,
    a_refusal_that_counts,
    other_attributes,
    a_member_too_few,
    another_version,
    an_answer_of_nobody,
    a_record_of_nobody,
    a_name_for_two,
    a_write_before_it_was_asked_for,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_each_mistake_is_found(wrong: Callable[[Story], None]) -> None:
    """A crash run whose gateways make one mistake doesn't pass."""
    story = a_story()
    wrong(story)
    assert story.found(), wrong.__name__


def test_ids_and_what_counts_are_those_of_the_product() -> None:
    """The judge's own reading of a log comes to the ids, versions and members that the gateways' fold comes to."""
    story = a_story()
    state = ResourcesInMemory()
    for each in story.records:
        value = dict(each.value)
        asked = Asked(value["request"]["id"], Millis(1), "POST", "/", value["request"]["agent"])
        event = ScimEvent(
            v=1,
            connection="okta",
            anchor="employeeNumber",
            change=value["change"],
            type=value["type"],
            id=value["id"],
            base=value["base"],
            claims=value["claims"],
            result=value["result"],
            members=None,
            written=(),
            urgent=False,
            request=asked,
        )
        done = fold(state, event, partition=1, offset=each.offset)
        assert isinstance(done, Folded)
        state.apply(done)
    model = Model("okta", story.records)
    assert {each.id: each.version for each in state} == {each.id: each.version for each in model.now.values()}
