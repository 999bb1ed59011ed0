"""Values that a target spells in its own way."""

from typing import Any

import pytest

from streamproc.core.scim.spelling import alike
from streamproc.core.scim.version_forms import version_forms


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Ana@Example.com", "ana@example.com"),
        (" Ana  Müller", "Ana Müller"),
        ("Ana Mu\u0308ller", "Ana Müller"),
        ("Ana\u200b", "ana\ufeff"),
        ("+13175550101", "+1 317 555-0101"),
        ("+13175550101", "(317) 555-0101"),
        ("+13175550101", "tel:+1-317-555-0101"),
        ("+493012345678", "030 / 1234 5678"),
        ("+13175550101;ext=7", "+1 (317) 555-0101 x7"),
        ("2024-02-01T09:00:00+01:00", "2024-02-01"),
        (["Agent", "employee"], ["EMPLOYEE", "agent"]),
        ({"Billing": 3.0}, {"billing": 3}),
    ],
)
def test_the_same_in_another_spelling(written: Any, shown: Any) -> None:
    """Case, spaces, composition, invisible marks, telephone numbers as people write them, and the day of a moment."""
    assert alike(written, shown)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Agent", "Agents"),
        ("00321", "321"),
        ("+13175550101", "+13175550102"),
        ("+13175550101", "5550101x9"),
        ("+13175550101;ext=7", "+13175550101"),
        ("+13175550101", "0101"),
        ("+13175550101", ""),
        ("", "x"),
        ("2024-02-01T09:00:00Z", "2024-02-02"),
        ("2024-02-01", "2024-02-01T00:00:00Z"),
        ("2024", "2024-02-01"),
        (["Agent"], ["Agent", "Admin"]),
        ({"Billing": 3.0}, {"Billing": 2.0}),
        (True, "true"),
        (None, "x"),
    ],
)
def test_another_value(written: Any, shown: Any) -> None:
    """What differs in more than spelling: zeros in front of a number belong to it."""
    assert not alike(written, shown)


@pytest.mark.parametrize(
    ("told", "forms"),
    [
        ('"5"', ['"5"']),
        ('W/"5"', ['W/"5"', '"5"']),
        ('"5-gzip"', ['"5-gzip"', '"5"']),
        ('"5--gzip"', ['"5--gzip"', '"5"']),
        ('W/"5;br"', ['W/"5;br"', 'W/"5"', '"5;br"', '"5"']),
        ('"a-b"', ['"a-b"']),
        ("5", ["5"]),
    ],
)
def test_what_an_etag_may_have_been(told: str, forms: list[str]) -> None:
    """As it was told first; then without what a proxy may have done to it."""
    assert list(version_forms(told)) == forms
