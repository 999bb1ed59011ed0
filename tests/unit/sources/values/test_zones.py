"""Zones: IANA's, Windows' and Workday's spellings, and no places."""

import pytest

from streamproc.sources.values.windows_zones import WINDOWS
from streamproc.sources.values.zones import is_zone, looks_like_zone, zone


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Europe/Madrid", "Europe/Madrid"), ("europe/madrid ", "Europe/Madrid"), ("America/New York",
        "America/New_York"),
        ("US/Pacific", "US/Pacific"), ("UTC", "UTC"), ("Z", "UTC"), ("Etc/GMT+8", "Etc/GMT+8"),
        ("Pacific Standard Time", "America/Los_Angeles"), ("w. europe standard time", "Europe/Berlin"),
        ("GMT-08:00 Pacific Time (Los Angeles)", "America/Los_Angeles"), ("GMT-08:00 Pacific Time",
        "America/Los_Angeles"),
        ("GMT+01:00 Central European Time (Madrid)", "Europe/Madrid"), ("GMT-07:00 Mountain Standard Time (Phoenix)",
        "America/Phoenix"), ("GMT+05:30 India Standard Time (Kolkata)", "Asia/Kolkata"),
        ("GMT-06:00 Central Standard Time (Regina)", "America/Regina"), ("GMT+00:00 Greenwich Mean Time (London)",
        "Europe/London"), ("GMT-03:00 Brasilia Standard Time (Recife)", "America/Recife"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "Europe/Brussels"), ("GMT-05:00", "Etc/GMT+5"),
    ],
)  # fmt: skip
def test_one_zone_in_all_spellings(written: str, meant: str) -> None:
    """Whatever writes it, it is IANA's."""
    assert zone(written) == meant


@pytest.mark.parametrize(
    "written",
    ["Jamaica", "Egypt", "Cuba", "Iran", "Turkey", "Poland", "Singapore", "EST", "MST", "Madrid",
    "Madrid Office", "West",
     "Sales/Marketing", "GMT+01:00 Pacific Time (Los Angeles)", "GMT+99:00", "Mars/Olympus", "../etc/passwd", "", "GB"],
)  # fmt: skip
def test_a_place_is_no_zone(written: str) -> None:
    """Also one that IANA has as a zone, an abbreviation, or an offset that isn't the city's."""
    assert zone(written) is None


def test_what_somebody_seems_to_have_meant_for_a_zone() -> None:
    """It is told where it isn't known; a place isn't."""
    assert all(
        map(looks_like_zone, ("Europe/Atlantis", "GMT+01:00 Mars (Olympus)", "Martian Standard Time", "EST", "CEST"))
    )
    assert not any(map(looks_like_zone, ("Madrid", "Jamaica", "West", "Office 3", "Sales/Marketing")))


def test_windows_zones_are_ianas() -> None:
    """Each of the table exists here."""
    assert len(WINDOWS) > 130
    assert all(map(is_zone, WINDOWS.values()))
