"""Answers of directories: whatever comes is understood as what was asked for, or told; and every way has an end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.hydrator.directories.answer import Answer, Trail, whole
from streamproc.hydrator.directories.directory_error import DirectoryError
from tests.support.answering import Answering, done
from tests.support.clients import CLIENTS, SUBJECT

NODES = "abcde"
GRAPHS = st.dictionaries(
    st.sampled_from(NODES), st.tuples(st.lists(st.integers(0, 3), max_size=2), st.sampled_from(["", *NODES]))
)
"""Page → what it lists, and the next."""
WORDS = (
    "id value _embedded users activities _links next href Report_Entry employees @odata.nextLink @odata.deltaLink "
    "_data _meta links individuals responses uuid error code errorCode body individual_id paging data meta page "
    "nextCursor"
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.text(max_size=3)
    | st.sampled_from([SUBJECT, "/next", "https://other/"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(WORDS.split()), inside, max_size=4),
    max_leaves=12,
)


@given(GRAPHS)
def test_a_way_over_pages_ends_whatever_links_where(graph: dict[str, tuple[list[int], str]]) -> None:
    """No page is asked for twice; the whole is everything on the way, and a circle or a repeated page is an error."""
    api = Answering(
        lambda page: (200, [{"id": each} for each in graph.get(page, ([], ""))[0]], graph.get(page, ([], ""))[1])
    )
    way, page = [], "a"
    while page and page not in way:
        way.append(page)
        page = graph.get(page, ([], ""))[1]
    lists = [graph.get(each, ([], ""))[0] for each in way]
    told = [tuple(each) for each in lists if each]
    try:
        found = done(whole(api.get, "a", lambda part: (part.entries(), part.next)))
    except DirectoryError:
        assert page or len(told) > len(set(told)), "there was an end"
    else:
        assert not page
        assert json.loads(found) == [{"id": each} for listed in lists for each in listed]
    assert len(api.asked) == len(set(api.asked)) <= len(NODES)


def test_a_way_is_bounded_even_where_every_link_is_new() -> None:
    """A server that makes up a new link each time is told in the end."""
    api = Answering(lambda page: (200, [{"id": page}], page + "x"))

    async def short() -> None:
        trail, url = Trail(most=100), "a"
        while url:
            answer: Answer = await api.get(trail.ask(url))
            url = answer.next

    with pytest.raises(DirectoryError, match="more than 100 pages"):
        done(short())
    assert len(api.asked) == 100


@pytest.mark.parametrize("name", CLIENTS)
@given(
    st.lists(JSON, min_size=1, max_size=4), st.sampled_from([200, 404]), st.sampled_from(["", "/next"]), st.booleans()
)
def test_no_client_falls_over_an_answer_or_believes_it(
    name: str, contents: list[Any], status: int, following: str, full: bool
) -> None:
    """Any JSON in any place: it is an answer about whom was asked for, or an error that is told. Nobody is gone."""

    def api() -> Answering:
        numbers = iter(range(10**6))
        return Answering(lambda _: (status, contents[next(numbers) % len(contents)], following))

    try:
        read = done(CLIENTS[name](api()).read(SUBJECT))
    except DirectoryError:
        pass
    else:
        assert read.status in {"found", "unknown"}, "these words are no vendor's"
        assert read.status == "unknown" or SUBJECT.encode() in read.body
    try:
        page = done(CLIENTS[name](api()).page("1", "", full=full))
    except DirectoryError:
        pass
    else:
        assert status == 200
        assert all(isinstance(each, str) and each for each in page.subjects)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_page_of_html_is_no_answer(name: str) -> None:
    """200 or 404 with the page of a proxy: nobody is gone, nobody is unlisted, nobody is listed."""
    for status in (200, 404):
        client = CLIENTS[name](Answering(lambda _: (status, b"<html>Down for maintenance</html>", "")))  # noqa: B023
        with pytest.raises(DirectoryError):
            done(client.read(SUBJECT))
        with pytest.raises(DirectoryError):
            done(client.page("1", "", full=True))


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_nested_without_end_is_no_answer(name: str) -> None:
    """What could be read, and never be written into a record, is told before it gets that far."""
    for depth in (250, 400, 5000):
        nested = b'{"id":"4711","uuid":"4711","x":' + b"[" * depth + b"]" * depth + b"}"
        client = CLIENTS[name](Answering(lambda _: (200, nested, "")))  # noqa: B023
        with pytest.raises(DirectoryError):
            done(client.read(SUBJECT))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("finch", {"paging": {"count": 7, "offset": 0}, "individuals": []}),
        ("bamboohr", {"data": [{"employeeId": "1"}], "meta": {}, "_links": {"next": "/api/v1/employees?page=2"}}),
        ("entra", {"value": [{"id": "1"}]}),
        ("pingone", {"_links": {}, "count": 7}),
    ],
)
def test_a_part_of_a_list_is_not_taken_for_all(name: str, content: dict[str, Any]) -> None:
    """A list that says itself that there is more than it shows is no list of everybody."""
    client = CLIENTS[name](Answering(lambda _: (200, content, "")))
    with pytest.raises(DirectoryError):
        done(client.page("", "", full=True))
