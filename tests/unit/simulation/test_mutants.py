"""The mutants that `python -m tests.simulation.mutants` makes: each is still a mistake in code that is there."""

import pytest

from tests.simulation.mutants.every import EVERY, NOT_YET
from tests.simulation.mutants.made import changes
from tests.simulation.mutants.mutant import Mutant
from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("mutant", EVERY, ids=[mutant.name for mutant in EVERY])
def test_each_mutant_changes_one_place(mutant: Mutant) -> None:
    """What it makes wrong is in the file once, what comes of it is Python, and the tests that were tried are there."""
    text = (REPOSITORY / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.right) == 1
    assert mutant.right != mutant.wrong
    compile(text.replace(mutant.right, mutant.wrong), mutant.file, "exec", dont_inherit=True)
    for tests in mutant.unseen_by:
        assert (REPOSITORY / tests).exists()


@pytest.mark.parametrize("mutant", EVERY, ids=[mutant.name for mutant in EVERY])
def test_each_mutant_can_be_made_in_code_that_is_loaded(mutant: Mutant) -> None:
    """It changes functions alone, which are there: else a trial would play the code as it is, and say that it lives."""
    for function, code in changes(mutant):
        assert function.__code__.co_name == code.co_name
        assert function.__code__.co_freevars == code.co_freevars
        assert function.__code__ != code


def test_no_two_mutants_have_the_same_name() -> None:
    """So that a name says which one lives."""
    names = {mutant.name for mutant in EVERY}
    assert len(names) == len(EVERY)
    assert names >= NOT_YET.keys()
