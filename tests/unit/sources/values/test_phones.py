"""Telephone numbers: what is one in any plan becomes E.164, and nothing becomes another number."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from streamproc.sources.values.phones import REGIONS, e164


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("(555) 123-4567", "US", "+15551234567"),
        ("+1 (317) 555-0100", None, "+13175550100"),
        ("+1 (317) 555-0100 x123", None, "+13175550100;ext=123"),
        ("913 12 34 56, ext. 007", "ES", "+34913123456;ext=007"),
        ("tel:+1-317-555-0100;ext=7", None, "+13175550100;ext=7"),
        ("+44 (0)20 7946-0000", None, "+442079460000"),
        ("+49 (0) 151 23456789", None, "+4915123456789"),
        ("030 / 1234567", "DE", "+49301234567"),
        ("0049 30 1234567", "FR", "+49301234567"),
        ("+39 06 1234567", None, "+39061234567"),
        ("(+34) 913\u00a012\u00a034\u00a056", None, "+34913123456"),
        ("\u202a＋３４ ９１３‐１２‐３４‐５６\u202c", None, "+34913123456"),
        ("٩١٣١٢٣٤٥٦", "ES", "+34913123456"),
        ("34 913 12 34 56", "ES", "+34913123456"),
    ],
)
def test_a_number_as_people_write_it(written: str, region: str | None, number: str) -> None:
    """In E.164, and an extension behind it; what came out comes out again, whatever the region."""
    assert e164(written, region) == number
    assert e164(number, None) == e164(number, "JP") == number


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("913 12 34 56", None),  # of no region that is known
        ("0034 913 12 34 56", None),  # 00 isn't the same everywhere
        ("555-0100", "US"),  # without the area code
        ("4711", "DE"),  # an extension
        ("+1", None),
        ("+999 123456789", None),
        ("+49 1234 5678 9012 3456", None),  # longer than E.164 has it
        ("+39 (0)6 1234567", None),  # where the zero may belong to the number
        ("912 345 678 home", "ES"),
        ("030 123456 home", "DE"),
        ("1-800-FLOWERS", "US"),
        ("030 12345 / 54321", "DE"),
        ("030/12345/54321", "DE"),
        ("913 12 34 56/915 55 55 55", "ES"),
        ("+34 913 12 34 56 / +34 915 55 55 55", None),
        ("+34 913 12 34 56; +34 915 55 55 55", None),
        ("tel:5550100;phone-context=+1317", "US"),
        ("000 000 000", "ES"),
        ("ext. 5", "US"),
        ("N/A", "ES"),
        ("+" + "1" * 5_000, "US"),
        ("", "US"),
    ],
)
def test_what_may_be_another_number_is_none(written: str, region: str | None) -> None:
    """Nobody is called by a guess."""
    assert e164(written, region) is None


def _examples() -> list[tuple[str, PhoneNumber]]:
    kinds = [kind for name, kind in vars(PhoneNumberType).items() if isinstance(kind, int) and kind < 11]
    numbers = ((region, phonenumbers.example_number_for_type(region, kind)) for region in REGIONS for kind in kinds)
    return [(region, number) for region, number in numbers if number is not None]


def test_no_form_of_any_plan_becomes_another_number() -> None:
    """Of every region's numbers of every kind: abroad's forms are read, a national one is read right or not at all."""
    abroad = unread = 0
    for region, number in _examples():
        meant = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        shown = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        code = len(str(number.country_code)) + 1
        written = [meant, shown, phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), shown.replace("-", "‑")]
        abroad += [e164(each, "ES") for each in written] != [meant] * 4
        assert e164(f"{shown} ext. 42", None) in (f"{meant};ext=42", None)
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        others = [e164(national, region), e164(phonenumbers.national_significant_number(number), region)]
        others += [e164(f"{meant[:code]} (0){meant[code:]}", None), e164(f"00{meant[1:]}", "ES")]
        assert set(others) <= {meant, None}, (region, national)
        unread += others[0] is None
    assert abroad <= 3, "numbers without an area code, by the library's own word"
    assert unread <= 60, "numbers of islands with five digits"
