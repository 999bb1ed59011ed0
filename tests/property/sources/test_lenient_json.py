"""Times as others write them, against the standard library's own arithmetic."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from streamproc.sources.lenient_json import EPOCH, micros

OFFSETS = st.integers(-1439, 1439)
"""Minutes east of UTC."""


@given(
    at=st.datetimes(),
    digits=st.integers(0, 9),
    between=st.sampled_from("Tt "),
    zone=st.one_of(st.sampled_from(["", "Z", "z", " Z"]), OFFSETS),
    colon=st.sampled_from([":", ""]),
)
def test_a_moment_is_the_same_however_it_is_written(
    at: datetime, digits: int, between: str, zone: str | int, colon: str
) -> None:
    """Any precision (what is finer than µs is cut off), any offset, a zone or none, from the year 1 to 9999."""
    fraction = f"{at.microsecond:06}789"[:digits]
    kept = int(fraction[:6].ljust(6, "0"))
    said, offset = str(zone), timedelta()
    if isinstance(zone, int):
        hours, minutes = divmod(abs(zone), 60)
        said, offset = f"{'-' if zone < 0 else '+'}{hours:02}{colon}{minutes:02}", timedelta(minutes=zone)
    written = f"{at:%m-%d}{between}{at:%H:%M:%S}{'.' if digits else ''}{fraction}{said}"
    meant = at.replace(microsecond=kept, tzinfo=timezone(offset) if offset else UTC)
    assert micros(f"{at.year:04}-{written}") == (meant - EPOCH) // timedelta(microseconds=1)


def test_what_is_no_moment_is_none() -> None:
    """Neither days that don't exist, nor hours, nor offsets of a day and more, nor dates in another form."""
    for wrong in (
        "2026-02-29T09:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T09:60:00Z", "2026-03-02T09:00:60Z",
        "2026-03-02T09:00:00+24:00", "2026-03-02T09:00:00-2360", "2026-W10-1T09:00:00", "20260302T090000Z",
        "0000-01-01T00:00:00Z", "2026-03-02", "٢٠٢٦-٠٣-٠٢T09:00:00Z", "", None, 1_772_442_005, True,
    ):  # fmt: skip
        assert micros(wrong) is None, wrong
