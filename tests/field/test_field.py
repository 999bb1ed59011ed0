"""Every situation of the field ends as people of the trade expect."""

import pytest

from tests.field.case import Case
from tests.field.cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_the_case_is_right(case: Case) -> None:
    """What a source sends, or a target answers, leads to what the case demands."""
    case.check()


def test_names_are_unique() -> None:
    """Each line of the table can be found again."""
    names = [(case.kind, case.name) for case in CASES]
    assert len(names) == len(set(names))
