"""What the doctor says of the names that a mapping gives."""

from streamproc.core.fold.mapping import parse_mapping
from streamproc.doctor.catalogue import compared
from streamproc.mapping_preview.lint import Listed
from tests.support.examined import MAPPING

RULES = parse_mapping(MAPPING)
SKILLS = Listed(["Spanish"])
UNSEEN = Listed(None, "the OAuth client lacks a permission")


def test_what_couldnt_be_looked_at_isnt_counted_among_what_is_right() -> None:
    """The line that says ok is about those names alone that the target was asked for."""
    *_, last = compared(RULES, {"roles": UNSEEN, "skills": SKILLS})
    assert (last.severity, last.text) == ("ok", f"1 skill of mapping {RULES.digest}")


def test_nothing_is_ok_where_nothing_could_be_looked_at() -> None:
    """Silence isn't taken for health."""
    assert [line.severity for line in compared(RULES, {"roles": UNSEEN})] == ["warning"]
