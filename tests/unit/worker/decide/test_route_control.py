"""Operators' orders: which are carried out, and which are refused in words."""

import orjson
import pytest

from streamproc.core.errors import RejectedInputError
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.sources import configured
from streamproc.worker.decide.route_control import route_control
from streamproc.worker.raw_record import RawRecord


@pytest.mark.parametrize(
    ("subject", "user", "code"),
    [
        ("okta/00u1", "E\u202e1001", "subject"), ("okta/00u1", "E1001\x00", "subject"), ("okta/00u1", " ", "subject"),
        ("okta/00u1", "x" * 257, "subject"), ("okta/00\u200du1", "E1001", "subject"),
        ("nobody/00u1", "E1001", "subject"), ("okta/", "E1001", "subject"), ("okta/00u1", "E1001", None),
    ],
)  # fmt: skip
def test_an_order_about_what_isnt_an_id_is_refused(subject: str, user: str, code: str | None) -> None:
    """It is never taken for a split, which is what a link to nobody would be."""
    control = Control("c", "link", user, None, "kim", "asked HR", Millis(0), subject)
    raw = RawRecord(CONTROLS, 0, 0, Millis(0), b"00u1", orjson.dumps(control), {})
    routed = route_control(raw, configured("", "sources.toml"))
    found = routed.rejected.code if isinstance(routed.rejected, RejectedInputError) else None
    assert (found, len(routed.forwards)) == (code, 0 if code else 1)
