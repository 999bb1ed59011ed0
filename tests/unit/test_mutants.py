"""The mutants that `python -m tests.judges.mutants` makes: each is still a mistake in code that is there."""

import pytest

from tests.judges.mutant import Mutant
from tests.judges.mutants import MUTANTS
from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_each_mutant_changes_one_place(mutant: Mutant) -> None:
    """What it makes wrong is in the file once, and the tests that have to notice it are there."""
    text = (REPOSITORY / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.right) == 1
    assert mutant.right != mutant.wrong
    for test in mutant.tests:
        assert (REPOSITORY / test).exists()
