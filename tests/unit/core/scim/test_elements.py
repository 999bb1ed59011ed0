"""How one element among others is written, form by form."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.scim.dialect import GENESYS_DIALECT, RFC7644_DIALECT, parse_user, patch_body
from streamproc.core.scim.elements import Element, ElementForm, element_operation, list_operations

MOBILE = 'phoneNumbers[type eq "mobile"]'
IDS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User:externalIds"


def mobile(before: str | None, value: str | None) -> Element:
    """A number that becomes another."""
    return Element("phoneNumbers", "type", "mobile", before, value)


@pytest.mark.parametrize("form", ["path", "added", "whole"])
def test_what_is_there_is_written_by_its_path(form: ElementForm) -> None:
    """A number that is replaced, or taken away, is named by its type in each form."""
    assert element_operation(mobile("+1", "+2"), form) == {"op": "replace", "path": f"{MOBILE}.value", "value": "+2"}
    assert element_operation(mobile("+1", None), form) == {"op": "remove", "path": MOBILE}


def test_what_is_new_is_written_by_its_path_or_added() -> None:
    """As Entra does it, or as RFC 7644 says it: two ways to the same list."""
    assert element_operation(mobile(None, "+2"), "path") == {"op": "add", "path": f"{MOBILE}.value", "value": "+2"}
    added = {"op": "add", "path": "phoneNumbers", "value": [{"value": "+2", "type": "mobile"}]}
    assert element_operation(mobile(None, "+2"), "added") == added


def test_an_authority_is_quoted() -> None:
    """Whatever an issuer is called, the filter names that one, and no more."""
    odd = Element(IDS, "authority", 'https://idp.example.com/a"b\\c', "1", "2")
    path = element_operation(odd, "path")["path"]
    assert path == f'{IDS}[authority eq "https://idp.example.com/a\\"b\\\\c"].value'


def test_a_whole_list_has_others_in_it_as_they_were() -> None:
    """With whatever they keep beside the value, in their order; ours keep what the target knows of them."""
    shown = [
        {"value": "+7", "type": "pager", "display": "on call"},
        {"value": "+1", "type": "mobile", "primary": True},
        {"value": "+8"},
    ]
    (operation,) = list_operations([mobile("+1", "+2"), Element("phoneNumbers", "type", "home", None, "+3")], shown)
    assert operation == {
        "op": "replace",
        "path": "phoneNumbers",
        "value": [
            {"value": "+7", "type": "pager", "display": "on call"},
            {"value": "+2", "type": "mobile", "primary": True},
            {"value": "+8"},
            {"value": "+3", "type": "home"},
        ],
    }


def test_what_the_target_makes_itself_is_not_written() -> None:
    """The address of the login and the id of externalId are immutable: a list that has them may be refused."""
    address = Element("emails", "type", "work", None, "ana@work.example")
    login = [{"value": "ana@example.com", "type": "other", "primary": True}]
    assert list_operations([address], login)[0]["value"] == [{"value": "ana@work.example", "type": "work"}]
    teams = Element(IDS, "authority", "microsoftteams", None, "ana")
    own = [{"authority": "x-pc:scimv2:v1:4711", "value": "E1"}, {"authority": "hr", "value": "7"}]
    written = [{"authority": "hr", "value": "7"}, {"value": "ana", "authority": "microsoftteams"}]
    assert list_operations([teams], own)[0]["value"] == written


@pytest.mark.parametrize("shown", [None, [], [{"value": "+1", "type": "mobile"}]])
def test_a_list_of_which_nothing_is_left_is_removed(shown: Any) -> None:
    """An empty list is no value (RFC 7643 §2.5)."""
    assert list_operations([mobile("+1", None)], shown) == [{"op": "remove", "path": "phoneNumbers"}]


@pytest.mark.parametrize("shown", ["+1", {"mobile": "+1"}, [None], ["+1"], 7])
def test_a_list_of_an_odd_shape_is_not_written_over(shown: Any) -> None:
    """What can't be read can't be written back: only the element is named."""
    assert list_operations([mobile("+1", "+2")], shown) == [{"op": "replace", "path": f"{MOBILE}.value", "value": "+2"}]


def test_the_case_of_a_type_does_not_matter_and_that_of_an_authority_does() -> None:
    """`Mobile` is the mobile number (RFC 7643 §2.2), but Genesys tells authorities apart by their case."""
    shown = [{"value": "+1", "type": "Mobile"}]
    assert list_operations([mobile("+1", "+2")], shown)[0]["value"] == [{"value": "+2", "type": "Mobile"}]
    assert parse_user({"phoneNumbers": shown}, GENESYS_DIALECT) == {"mobile": "+1"}
    teams = Element(IDS, "authority", "teams", None, "ana")
    other = {"value": "7", "authority": "Teams"}
    assert list_operations([teams], [other])[0]["value"] == [other, {"value": "ana", "authority": "teams"}]


@pytest.mark.parametrize("value", ["+2", None])
def test_of_two_that_are_ours_one_stays_at_most(value: str | None) -> None:
    """As a filter by their type means both: who gives a number up doesn't keep its double."""
    shown = [{"value": "+1", "type": "mobile"}, {"value": "+7", "type": "pager"}, {"value": "+0", "type": "mobile"}]
    left = [{"value": value, "type": "mobile"}] if value else []
    written = list_operations([mobile("+1", value)], shown)[0]["value"]
    assert written == [*left, {"value": "+7", "type": "pager"}]


@pytest.mark.parametrize("odd", [["mobile"], {"of": "mobile"}, 7, None])
def test_a_type_of_an_odd_shape_is_anothers(odd: Any) -> None:
    """It is written back as it was."""
    shown = [{"value": "+1", "type": odd}]
    written = list_operations([mobile(None, "+2")], shown)[0]["value"]
    assert written == [*shown, {"value": "+2", "type": "mobile"}]


def test_elsewhere_another_address_is_anothers() -> None:
    """Only Genesys makes the address of type `other` of the login; a plain SCIM server keeps it in a written list."""
    shown = {"emails": [{"value": "ana@home.example", "type": "other"}]}
    bodies = [
        patch_body({}, {"email": "ana@work.example"}, replace(dialect, elements="whole"), shown)
        for dialect in (RFC7644_DIALECT, GENESYS_DIALECT)
    ]
    ours = {"value": "ana@work.example", "type": "work"}
    assert [body["Operations"][0]["value"] for body in bodies] == [[*shown["emails"], ours], [ours]]
