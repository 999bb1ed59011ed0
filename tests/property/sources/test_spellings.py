"""Constructed payloads of every source, in which any one text is spelled otherwise and still looks the same."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources import SOURCES
from tests.property.sources.test_okta import fixtures
from tests.property.sources.test_understood import SPELLINGS, changed, leaves

TAKEN = Receipt(received=Micros(1_780_000_000_000_000))
WORDS = {
    "eventType", "type", "Type", "status", "result", "changeType", "operationName", "activityDisplayName", "eventName",
    "Worker_Status", "@odata.type", "category",
}  # fmt: skip
"""Names of what is a word of the vendor's, so that case doesn't matter."""


def meaning(parsed: ParsedPayload) -> Any:
    """Who is active, whom it is about and what is to be fetched; the rest is as it was written."""
    said = sorted((each.subject, str(each.attributes.get("active")), str(each.anchor)) for each in parsed.events)
    return said, sorted(each.subject for each in parsed.notifications), sorted(each.code for each in parsed.ignored)


@pytest.mark.parametrize("source", ["okta", "entra", "pingone", "workday"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_looks_the_same_means_the_same(source: str, spelling: str) -> None:
    """Blanks, marks, composition, and the case of the vendor's own words, in any one place."""
    read, defaults = SOURCES[source].read, SOURCES[source].defaults
    payloads = [payload for name, payload in fixtures(source).items() if not name.startswith("get_workers_")]
    for element in [each for payload in payloads for each in SOURCES[source].elements(payload)]:
        expected = meaning(read(element, TAKEN, defaults))
        for holder, key in leaves(element):
            written, cased = holder[key], spelling in {"upper", "lower"}
            if isinstance(written, str) and (not cased or key in WORDS):
                spelled = changed(element, (holder, key), SPELLINGS[spelling](written))
                assert meaning(read(spelled, TAKEN, defaults)) == expected, (key, written)
