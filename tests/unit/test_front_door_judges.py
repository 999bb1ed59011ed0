"""What `python -m tests.judges.front_door` makes of what judges say."""

import re

from tests.judges.front_door.verdict import MEANT, Verdict, meant, read, table, unexplained


def test_a_failure_that_nobody_has_explained_is_told() -> None:
    """Whoever runs the judges sees what is new, and why the rest is as it is."""
    lines = ("noise", "SUCCESSFUL\tone\t\t", "FAILED\tcheck search_with_attributes\t\t501", "FAILED\tnew\t\twhy")
    found = {"scim2-tester": [*read("\nRESULT\t".join(lines))]}
    assert [each.status for each in found["scim2-tester"]] == ["SUCCESSFUL", "FAILED", "FAILED"]
    assert [*unexplained(found)] == ["scim2-tester: new: why"]
    assert "| scim2-tester | 1 | 2 | 0 |" in [*table(found)]


def test_each_reason_is_for_something() -> None:
    """A pattern can be read, and none fits everything."""
    for judge, reasons in MEANT.items():
        assert meant(judge, Verdict("FAILED", "whatever", "else")) is None
        for each in reasons:
            re.compile(each.pattern)
            assert each.reason.endswith(".")
