"""Which resources a filter finds."""

from typing import Any, Final

import pytest

from streamproc.core.provider.filter_parser import parse, parse_path
from streamproc.core.provider.matching import attributes_named, element_predicate, predicate
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER

ALICE: Final[dict[str, Any]] = {
    "id": "Id-1",
    "externalId": "Ext-1",
    "meta": {"resourceType": "User", "created": "2026-01-01T10:00:00Z", "lastModified": "2026-11-30T12:00:00.5+01:00"},
    "userName": "Alice@Example.org",
    "displayName": "Älice",
    "active": False,
    "name": {"familyName": "Smith"},
    "emails": [
        {"value": "alice@example.org", "type": "work", "primary": True},
        {"value": "a@home.example", "type": "home"},
    ],
    "groups": [{"value": "g1"}],
    ENTERPRISE: {"employeeNumber": "007", "manager": {"value": "Id-2"}},
    GENESYS: {
        "routingSkills": [{"name": "Spanish", "proficiency": 3.0}],
        "externalIds": [{"authority": "x", "value": "y"}],
    },
}


def fits(text: str, resource: dict[str, Any] = ALICE) -> bool:
    return predicate(parse(text), USERS)(resource)


@pytest.mark.parametrize(
    "text",
    [
        *('userName eq "ALICE@example.ORG"', "userName eq alice@example.org", 'USERNAME sw "ali"', 'userName co "@EX"'),
        *('userName ew ".ORG"', 'userName gt "alice"', 'userName le "b"', 'userName ne "bob"', "userName ne null"),
        *(
            'displayName eq "A\u0308LICE"',
            f'{USER}:userName eq "alice@example.org"',
            "urn:scim:schemas:core:1.0:userName pr",
        ),
        *('id eq "Id-1"', 'externalId eq "Ext-1"', 'externalId sw "Ext"', "id pr"),
        *("active eq false", 'active eq "False"', "active ne True", "active pr", "not (active eq true)"),
        *('name.familyName eq "smith"', "name pr", "name.givenName eq null", "title eq null", 'title ne "x"'),
        *('emails.value eq "A@home.example"', 'emails co "@home"', 'emails eq "alice@example.org"', 'email Co "@home"'),
        *('emails[type eq "work" and value co "alice"]', 'emails[type eq "work"].value eq "alice@example.org"'),
        *(
            'emails[primary eq "True"].value eq "alice@example.org"',
            "emails[not (primary pr)]",
            "emails.primary eq true",
        ),
        *('emails.type ne "other"', 'emails[value ne "alice@example.org"]', 'groups eq "g1"', 'groups[value eq "g1"]'),
        *(
            f'{ENTERPRISE}:employeeNumber eq "007"',
            "employeeNumber eq 007",
            'manager eq "Id-2"',
            'manager.value eq "ID-2"',
        ),
        *(f"{ENTERPRISE} pr", f"{USER} pr", f'{ENTERPRISE}:manager[value eq "Id-2"]'),
        *(f'{GENESYS}:routingSkills[name eq "Spanish" and proficiency ge 3]', "routingSkills.proficiency lt 3.5"),
        *('routingSkills eq "Spanish"', f'{GENESYS}:externalIds[authority eq "x" and value eq "y"]'),
        *('meta.lastModified gt "2026-11-30T11:00:00Z"', 'meta.created eq "2026-01-01T11:00:00+01:00"'),
        *('meta.created sw "2026-01"', 'meta.created lt "2026-01-02"', 'meta.resourceType eq "User"'),
        *('nobody eq "x" or title pr or userName pr', 'not (nobody eq "x")'),
    ],
)
def test_a_user_is_found(text: str) -> None:
    """The client's look-up finds the user by each attribute, in any case where the attribute has none."""
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        *('userName eq "alice"', 'id eq "id-1"', 'externalId eq "ext-1"', 'userName ne "ALICE@example.org"'),
        *("userName eq null", 'title eq "x"', "title pr", "name.givenName pr", 'title co ""', "active eq true"),
        *('emails[type eq "home" and value co "alice"]', 'emails ne "a@home.example"', "emails[display pr]"),
        *('routingSkills eq "spanish"', 'routingSkills.proficiency gt "3"', "employeeNumber eq 7"),
        *('nobody eq "x"', 'nobody ne "x"', "nobody pr", 'urn:acme:1.0:User:badge eq "1"', "urn:acme:1.0:User pr"),
        *('nobody[value eq "x"]', 'emails[nobody ne "x"]', 'emails[emails.value eq "alice@example.org"]'),
        *('meta.created gt "2026-01-01T10:00:00Z"', "userName pr and title pr", f'{USER}:employeeNumber eq "007"'),
    ],
)
def test_a_user_is_not_found(text: str) -> None:
    """Nobody is found by half a name, by a case that matters, or by an attribute that there isn't."""
    assert not fits(text)


@pytest.mark.parametrize(
    "text",
    [
        *('active gt "true"', 'active co "t"', 'active eq "yes"', "routingSkills.proficiency eq high"),
        *("routingSkills.proficiency co 3", "routingSkills.proficiency lt inf", 'meta.created gt "yesterday"'),
        *(
            'x509Certificates gt "a"',
            'meta eq "x"',
            "externalIds[value gt null]",
            f'{ENTERPRISE} eq "x"',
            f'{USER} eq "x"',
        ),
        *('userName[value eq "x"]', f'{ENTERPRISE}[value eq "x"]', 'addresses eq "x" and userName gt null'),
    ],
)
def test_what_an_attribute_does_not_take(text: str) -> None:
    """A comparison that makes no sense for the attribute is refused with 400 invalidFilter, whoever is stored."""
    with pytest.raises(ScimError) as refused:
        predicate(parse(text), USERS)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")


def test_certificates_are_compared_to_the_letter() -> None:
    """What is base64 is the same only letter by letter."""
    resource = {"x509Certificates": [{"value": "AbC="}]}
    assert fits('x509Certificates eq "AbC="', resource)
    assert not fits('x509Certificates eq "abc="', resource)


def test_elements_of_a_patch_path() -> None:
    """The element that a PATCH path chooses is found among others; values of another type than theirs fit nothing."""
    path = parse_path('emails[type eq "work"].value')
    assert path.filter is not None
    chosen = element_predicate(path.filter, USERS.schema.attributes["emails"])
    assert [chosen(each) for each in ALICE["emails"]] == [True, False]
    assert not chosen({"type": 7})
    assert not element_predicate(
        parse("proficiency gt 1"), USERS.extensions[GENESYS.lower()].attributes["routingskills"]
    )({"proficiency": True})


def test_attributes_that_a_filter_names() -> None:
    """Only what a filter names has to be read: members of a large group are left alone otherwise."""
    named = attributes_named(parse('members[value eq "x"] and not (displayName eq "y" or meta.created pr)'), GROUPS)
    assert named == {"members", "displayName", "meta"}
    assert attributes_named(parse('employeeNumber eq "1" or nobody pr or email eq "x"'), USERS) == {"emails"}
