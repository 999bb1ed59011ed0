"""CEL's operators, kind by kind."""

from typing import Any

import pytest

from streamproc.core.expressions.expression import Unknown, compile_expression


def said(text: str, **facts: Any) -> Any:
    """True, false or "unknown"."""
    value = compile_expression(text, "truth").evaluate(facts)
    return "unknown" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("a", "a", True),
        ("a", "A", False),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (1, "1", False),
        (None, None, True),
        (None, "", False),
        (None, False, False),
        (["a", 1], ["a", 1.0], True),
        ([1], [True], False),
        (["a"], ["a", "b"], False),
        ({"k": 1}, {"k": 1.0}, True),
        ({"k": 1}, {"k": True}, False),
        ({"k": 1}, {"j": 1}, False),
        ([], {}, False),
    ],
)
def test_what_is_of_another_kind_is_never_equal(a: Any, b: Any, equal: bool) -> None:
    """But 1 is 1.0, within lists and maps as well; an element is found by the same rule."""
    assert said("a == b", a=a, b=b) is equal
    assert said("b != a", a=a, b=b) is not equal
    assert said("a in [b]", a=a, b=b) is equal
    assert said("[b].exists(e, e == a)", a=a, b=b) is equal


@pytest.mark.parametrize(
    ("a", "b", "less"),
    [
        ("B", "a", True),
        ("z", "ä", True),
        (1, 1.5, True),
        (2, 1.5, False),
        (False, True, True),
        ("1", 2, "unknown"),
        (True, 2, "unknown"),
        (None, 1, "unknown"),
        (["a"], ["b"], "unknown"),
    ],
)
def test_texts_numbers_and_truths_have_an_order(a: Any, b: Any, less: Any) -> None:
    """Each among themselves, texts by their characters' numbers."""
    assert said("a < b", a=a, b=b) == less
    assert said("a <= b", a=a, b=b) == less
    assert said("b > a", a=a, b=b) == less
    assert said("b >= a", a=a, b=b) == less
    assert said("a <= a && a >= a && !(a < a)", a=a) == (True if isinstance(a, str | int) else "unknown")


@pytest.mark.parametrize(
    ("key", "known"), [("k", True), ("z", False), (1, False), (True, False), (None, "unknown"), (["k"], "unknown")]
)
def test_a_map_holds_its_keys(key: Any, known: Any) -> None:
    """Not its values."""
    assert said("x in m", x=key, m={"k": "z"}) == known


TRUTHS: tuple[Any, ...] = (True, False, "unknown")


@pytest.mark.parametrize("a", TRUTHS)
@pytest.mark.parametrize("b", TRUTHS)
def test_one_side_can_decide_whatever_the_other_is(a: Any, b: Any) -> None:
    """A false one decides `&&` and a true one `||`, on either side; so do elements in `all` and `exists`."""
    both = False if False in {a, b} else "unknown" if "unknown" in {a, b} else True
    one = True if True in {a, b} else "unknown" if "unknown" in {a, b} else False
    facts = {name: value for name, value in (("a", a), ("b", b)) if value != "unknown"}
    assert said("a && b", **facts) == both
    assert said("a || b", **facts) == one
    elements = [value if value != "unknown" else "neither" for value in (a, b)]
    assert said("l.all(e, e)", l=elements) == both
    assert said("l.exists(e, e)", l=elements) == one


def test_what_isnt_asked_for_isnt_looked_at() -> None:
    """The branch that isn't taken may be unknown."""
    assert said('a ? b == "x" : c == "y"', a=True, b="x") is True
    assert said('a ? b == "x" : c == "y"', a=False, c="z") is False
    assert said('a ? b == "x" : b == "x"', b="x") == "unknown"
