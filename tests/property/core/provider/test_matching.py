"""What a filter finds, judged by scim2-models, and by what must hold of any filter."""

from typing import Any, Final, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from scim2_models import EnterpriseUser, ScimFilter, User

from streamproc.core.provider.filter_parser import LENGTH, parse, parse_path
from streamproc.core.provider.matching import comparable, predicate
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import claimed
from streamproc.core.scim.dialect import ENTERPRISE
from tests.support.scim_filters import WORDS, filters, users

Model: TypeAlias = User[EnterpriseUser]


@given(filters().filter(lambda text: "manager.value" not in text), users())
def test_as_another_implementation_finds(text: str, attributes: dict[str, Any]) -> None:
    """A filter of the RFC's grammar finds the users that scim2-models finds by it; but for a manager's id, which it
    compares to the letter, and RFC 7643 §8.7.1 in any case.
    """
    theirs = Model.model_validate({"schemas": [USERS.schema.urn, ENTERPRISE], **attributes})
    assert predicate(parse(text), USERS)(attributes) == ScimFilter[Model](text).match(theirs)


@given(filters(), users())
def test_what_isnt_found_is_found_by_not(text: str, attributes: dict[str, Any]) -> None:
    """Each user is found either by a filter or by its opposite, never by both."""
    assert predicate(parse(text), USERS)(attributes) != predicate(parse(f"not ({text})"), USERS)(attributes)


PIECES: Final = st.sampled_from(
    [
        *(
            "userName",
            "emails",
            "active",
            "urn:ietf:params:scim:schemas:core:2.0:User:",
            ".value",
            "eq",
            "pr",
            "ne",
            "gt",
        ),
        *(
            "and",
            "or",
            "not",
            "(",
            ")",
            "[",
            "]",
            '"',
            "'",
            '"x"',
            "x",
            "1",
            "true",
            "null",
            "\\",
            " ",
            "  ",
            "&",
            "\n",
        ),
        *("\x00", "\ud800", "é", "-", ".", ":", "%", "("),
    ]
)


def status(text: str, *, of_path: bool = False) -> int:
    """200: it is understood."""
    try:
        if of_path:
            parse_path(text)
        else:
            predicate(parse(text), USERS)({"userName": "x"})
    except ScimError as refused:
        return refused.status if refused.scim_type in {"invalidFilter", "invalidPath"} else 500
    return 200


@given(st.lists(PIECES, max_size=30).map("".join) | st.lists(PIECES, max_size=30).map(" ".join) | st.text())
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """Whatever a client sends is understood or refused with 400: never is it our error."""
    assert {status(text), status(text, of_path=True)} <= {200, 400}


@given(st.integers(1, 8), PIECES, PIECES, PIECES)
def test_the_longest_text_is_read_as_quickly_as_others(copies: int, first: str, second: str, third: str) -> None:
    """No text within the limit makes the parser try again and again: the test would not end."""
    unit = (first * copies + second + third) * LENGTH
    assert {status(text[:LENGTH]) for text in (unit, f"userName eq {unit}", f"urn:{unit}")} <= {200, 400}


@given(st.sampled_from(WORDS) | st.text(), st.sampled_from(WORDS) | st.text())
def test_names_are_compared_as_they_are_claimed(one: str, other: str) -> None:
    """A name that is taken is one that the look-up before finds: else a client would create, be refused, and not know
    whom to take.
    """
    found, taken = (
        (comparable(each, case_exact=False) for each in (one, other)),
        (claimed("userName", each) for each in (one, other)),
    )
    assert [*found] == [*taken]
