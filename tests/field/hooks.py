"""Hooks of HR vendors and identity providers, as they come."""

from typing import Final

import orjson

from tests.field.case import Case
from tests.field.says import now, says

BAMBOOHR: Final = {
    "employees": [
        {
            "id": "4711",
            "action": "Updated",
            "timestamp": "2026-11-29T18:42:00+0000",
            "changedFields": ["Status"],
            "fields": {"Status": "Inactive", "Employee #": "00321"},
        }
    ]
}
"""Constructed, in the shape of BambooHR's field-based webhooks."""


def _plain_value() -> None:
    said = says("hris", orjson.dumps(BAMBOOHR))
    assert now(said, "active") == [False]
    assert now(said, "employeeNumber") == ["00321"], "zeros in front belong to the number"


CASES: Final = (Case("K5", "bamboohr-plain-value", _plain_value),)
