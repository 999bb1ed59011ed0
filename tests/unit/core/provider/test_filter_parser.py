"""What clients write as a filter or a path, and what is understood of it."""

import pytest

from streamproc.core.provider.filter import (
    And,
    AttributePath,
    Compare,
    Element,
    ElementPath,
    Filter,
    Not,
    Operand,
    Operator,
    Or,
    Present,
)
from streamproc.core.provider.filter_parser import DEPTH, LENGTH, parse, parse_path
from streamproc.core.provider.scim_error import ScimError

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def compared(name: str, operator: Operator, text: str, *, quoted: bool = True) -> Compare:
    """`name operator "text"`; `name` may be `name.sub`."""
    first, _, sub = name.partition(".")
    return Compare(AttributePath("", first, sub), operator, Operand(text, quoted))


def present(name: str) -> Present:
    return Present(AttributePath("", name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "bjensen"', compared("userName", "eq", "bjensen")),
        ('name.familyName co "O\'Malley"', compared("name.familyName", "co", "O'Malley")),
        ("title pr", present("title")),
        (
            'meta.lastModified gt "2011-05-13T04:42:34Z"',
            compared("meta.lastModified", "gt", "2011-05-13T04:42:34Z"),
        ),
        (
            "n ge 7 and m le -1.5e3",
            And((compared("n", "ge", "7", quoted=False), compared("m", "le", "-1.5e3", quoted=False))),
        ),
        (
            'title pr and userType eq "a" or userType eq "b"',
            Or((And((present("title"), compared("userType", "eq", "a"))), compared("userType", "eq", "b"))),
        ),
        (
            'userType ne "a" and not (emails co "x" or emails.value ew "y")',
            And(
                (
                    compared("userType", "ne", "a"),
                    Not(Or((compared("emails", "co", "x"), compared("emails.value", "ew", "y")))),
                )
            ),
        ),
        (
            'emails[type eq "work" and value co "@x"]',
            Element(AttributePath("", "emails"), And((compared("type", "eq", "work"), compared("value", "co", "@x")))),
        ),
        (f'{USER}:userName sw "J"', Compare(AttributePath(USER, "userName"), "sw", Operand("J", quoted=True))),
        (
            f'{ENTERPRISE}:manager.value eq "1"',
            Compare(AttributePath(ENTERPRISE, "manager", "value"), "eq", Operand("1", quoted=True)),
        ),
        (f"{ENTERPRISE} pr", Present(AttributePath(ENTERPRISE, ""))),
        (
            'urn:scim:schemas:core:1.0:userName eq "x"',
            Compare(AttributePath("urn:scim:schemas:core:1.0", "userName"), "eq", Operand("x", quoted=True)),
        ),
        ('urn:acme:hr:badge eq "7"', Compare(AttributePath("urn:acme:hr", "badge"), "eq", Operand("7", quoted=True))),
        (f"{USER}:$ref pr", Present(AttributePath(USER, "$ref"))),
    ],
)
def test_filters_of_the_rfc(text: str, expected: Filter) -> None:
    """Filters as RFC 7644 writes them, with full names too, say what they say there: `and` binds before `or`."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('username Eq "x"', compared("username", "eq", "x")),
        ('email Co "x"', compared("email", "co", "x")),
        ("userName eq a.b+c@x.org", compared("userName", "eq", "a.b+c@x.org", quoted=False)),
        ("externalId eq 0012", compared("externalId", "eq", "0012", quoted=False)),
        ("active eq False", compared("active", "eq", "False", quoted=False)),
        ("manager eq NULL", compared("manager", "eq", "NULL", quoted=False)),
        ("userName eq 'x y'", compared("userName", "eq", "x y")),
        ("userName eq O'Brien", compared("userName", "eq", "O'Brien", quoted=False)),
        ("displayName eq Sales Team", compared("displayName", "eq", "Sales Team", quoted=False)),
        ("displayName eq Sales and Care", compared("displayName", "eq", "Sales and Care", quoted=False)),
        ("displayName eq Sales (EMEA)", compared("displayName", "eq", "Sales (EMEA)", quoted=False)),
        (
            "(displayName eq Sales (EMEA)) OR title PR",
            Or((compared("displayName", "eq", "Sales (EMEA)", quoted=False), present("title"))),
        ),
        (
            "a eq x y and emails[type eq work] and not(b pr)",
            And(
                (
                    compared("a", "eq", "x y", quoted=False),
                    Element(AttributePath("", "emails"), compared("type", "eq", "work", quoted=False)),
                    Not(present("b")),
                )
            ),
        ),
        (
            'emails[type eq "work"].value eq "x"',
            Element(AttributePath("", "emails"), And((compared("type", "eq", "work"), compared("value", "eq", "x")))),
        ),
        ('not active eq "true" and a pr', And((Not(compared("active", "eq", "true")), present("a")))),
        ('  userName  eq"x" & ', compared("userName", "eq", "x")),
        ('a eq "x"and b eq "y"', And((compared("a", "eq", "x"), compared("b", "eq", "y")))),
        (r'a eq "q\"\\\/\n\u00e9\ud83d\ude00"', compared("a", "eq", 'q"\\/\né😀')),
        (r'a eq "CORP\user"', compared("a", "eq", "CORP\\user")),
    ],
)
def test_what_clients_write_beyond_it(text: str, expected: Filter) -> None:
    """Any case, no quotes, single quotes, stray signs, a sub-attribute behind brackets: the look-up finds its user."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "userName", "userName eq", 'userName is "x"', "eq", '"x" eq userName', "and", "not", "not ()"),
        *('userName eq "x', "userName eq x title pr", 'userName eq "x" and', 'userName eq "x" "y"', "userName eq x or"),
        *('(userName eq "x"', 'userName eq "x")', 'emails[type eq "work"', 'emails type eq "work"]', "emails[]"),
        *('emails[phones[type eq "x"]]', 'emails.value[type eq "x"]', 'emails[type eq "x"].value', "a.b.c pr"),
        *(
            'emails[type eq "x"].b.c eq "y"',
            'emails[type eq "x"] .value eq "y"',
            "1a pr",
            "a..b pr",
            "urn: pr",
            "a: pr",
        ),
        r'a eq "\ud800"',
        f'userName eq "{"x" * LENGTH}"',
        "(" * (DEPTH + 1) + "a pr" + ")" * (DEPTH + 1),
        "not " * (DEPTH + 1) + "a pr",
    ],
)
def test_what_is_no_filter(text: str) -> None:
    """The client gets 400 invalidFilter with the place of the mistake, and none of what it looked for."""
    with pytest.raises(ScimError) as refused:
        parse(text)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")
    assert "xx" not in refused.value.detail


def test_depth_and_length_that_are_allowed() -> None:
    """A filter as long or as deep as the limit is taken."""
    assert parse("(" * DEPTH + "a pr" + ")" * DEPTH) == present("a")
    assert parse(" or ".join(["a pr"] * 250)) == Or((present("a"),) * 250)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("members", ElementPath(AttributePath("", "members"))),
        ("name.givenName", ElementPath(AttributePath("", "name", "givenName"))),
        (ENTERPRISE, ElementPath(AttributePath(ENTERPRISE, ""))),
        (f"{ENTERPRISE}:department", ElementPath(AttributePath(ENTERPRISE, "department"))),
        (
            'emails[type eq "work"].value',
            ElementPath(AttributePath("", "emails"), compared("type", "eq", "work"), "value"),
        ),
        ("members[value eq 7]", ElementPath(AttributePath("", "members"), compared("value", "eq", "7", quoted=False))),
        (
            'urn:g:2.0:User:ids[authority eq "z"].value',
            ElementPath(AttributePath("urn:g:2.0:User", "ids"), compared("authority", "eq", "z"), "value"),
        ),
    ],
)
def test_paths_of_patch_operations(text: str, expected: ElementPath) -> None:
    """Paths as Okta, Entra and the RFC write them name the attribute, its elements and the sub-attribute."""
    assert parse_path(text) == expected


@pytest.mark.parametrize(
    ("text", "scim_type"),
    [
        *(
            ("", "invalidPath"),
            ("a b", "invalidPath"),
            ("a.b.c", "invalidPath"),
            ('emails[type eq "x"].a.b', "invalidPath"),
        ),
        *(("emails[", "invalidFilter"), ("emails[type]", "invalidFilter"), ('emails[type eq "x"]x', "invalidPath")),
    ],
)
def test_what_is_no_path(text: str, scim_type: str) -> None:
    """The client gets 400, and is told whether the path or the filter in it is wrong."""
    with pytest.raises(ScimError) as refused:
        parse_path(text)
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)
