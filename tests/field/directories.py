"""What directories answer when they are asked for people."""

from typing import Final

import orjson

from streamproc.hydrator.directories.api import Api
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.okta import Okta
from tests.field.case import Case
from tests.support.answering import Answering, done
from tests.support.clients import CLIENTS
from tests.support.clocks import held

WHO: Final = "11111111-1111-4111-8111-111111111111"
MEMBER_OF: Final = {
    "@odata.nextLink": f"https://graph.microsoft.com/v1.0/users/{WHO}/memberOf?$skiptoken=SAME",
    "value": [{"@odata.type": "#microsoft.graph.group", "id": "g1", "displayName": "Spanish Agents"}],
}


def _told(api: Answering, name: str, most: int) -> str:
    """How the client tells that somebody can't be read; asserts that it took no more than so many requests."""
    try:
        read = done(CLIENTS[name](api).read(WHO))
    except DirectoryError as error:
        assert len(api.asked) <= most
        return str(error)
    raise AssertionError(f"believed: {read.status}")


def _page_links_to_itself() -> None:
    api = Answering(lambda url: (200, MEMBER_OF if "memberOf" in url else {"id": WHO, "accountEnabled": True}, ""))
    assert "there before" in _told(api, "entra", 4)


def _same_page_under_new_links() -> None:
    api = Answering(lambda url: (200, [{"id": "g1"}] if "/groups" in url else {"id": WHO}, url + "&after=x"))
    assert "there before" in _told(api, "okta", 4)


def _more_than_200_groups() -> None:
    pages = {f"/{n}": [{"id": f"g{n}-{m}", "profile": {"name": f"G{n}-{m}"}} for m in range(200)] for n in range(3)}

    def answers(url: str) -> tuple[int, object, str]:
        if url.startswith("/api"):
            return (200, pages["/0"], "/1") if url.endswith("/groups") else (200, {"id": WHO}, "")
        return 200, pages[url], "/2" if url == "/1" else ""

    read = done(Okta(Answering(answers)).read(WHO))  # type: ignore[arg-type]
    assert len(orjson.loads(read.body)["_embedded"]["groups"]) == 600


def _next_on_another_host() -> None:
    api = Api(None, "https://acme.okta.com", "SSWS", None, held())  # type: ignore[arg-type]
    for url in ("https://evil.example/x", "https://acme.okta.com.evil.example/", "//[", "https://u:p@acme.okta.com/x"):
        try:
            target = api._target(url)
        except DirectoryError:
            continue
        assert target.host == "acme.okta.com", "the token goes nowhere else"


def _groups_missing_from_the_answer() -> None:
    api = Answering(lambda url: (200, {} if "memberOf" in url else {"id": WHO, "accountEnabled": True}, ""))
    assert "list" in _told(api, "entra", 2)


def _not_found_by_a_proxy() -> None:
    for name in CLIENTS:
        assert _told(Answering(lambda _: (404, b"<html>404 page not found</html>", "")), name, 2)


def _answer_about_somebody_else() -> None:
    for name in ("okta", "entra", "pingone", "bamboohr", "hibob", "gusto", "personio", "merge"):
        assert "somebody else" in _told(Answering(lambda _: (200, {"id": "another"}, "")), name, 1)


CASES: Final = (
    Case("K10", "directory-page-links-to-itself", _page_links_to_itself),
    Case("K10", "directory-same-page-under-new-links", _same_page_under_new_links),
    Case("K10", "directory-more-than-200-groups", _more_than_200_groups),
    Case("K10", "directory-next-on-another-host", _next_on_another_host),
    Case("K2", "directory-groups-missing-from-the-answer", _groups_missing_from_the_answer),
    Case("K6", "directory-not-found-by-a-proxy", _not_found_by_a_proxy),
    Case("K6", "directory-answer-about-somebody-else", _answer_about_somebody_else),
)
