"""A history that an earlier release folded: mapping files without any newer key keep their digests and their records.

`changes.jsonl` has the values of one partition of `identity.changes`, constructed: two sources, several subjects,
dates, values that can't be read, three mappings. `records.json` has what the fold of that release made of them.
"""

import hashlib
from typing import Any

import orjson

from streamproc.core.fold.refold import Refold
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from tests.support.built import BEGIN, SECOND
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "tests" / "fixtures" / "history"


def test_what_was_recorded_is_recorded_again() -> None:
    """Folded anew, each record is byte for byte what it was, and each mapping has the digest that it had."""
    expected: dict[str, Any] = orjson.loads((FOLDER / "records.json").read_bytes())
    changes = [
        StoredRecord(CHANGES, 0, offset, Millis(BEGIN + offset * SECOND), b"", value)
        for offset, value in enumerate((FOLDER / "changes.jsonl").read_bytes().splitlines())
    ]
    refold = Refold(lambda offset: changes[:offset], None)
    whole = hashlib.sha256()
    mappings: list[str] = []
    for logged in changes:
        step = refold.take(logged)
        assert step.rejected is None, step
        assert refold.mapping is not None
        if refold.mapping.digest not in mappings:
            mappings.append(refold.mapping.digest)
        for user in sorted(step.records):
            whole.update(step.records[user])
    assert mappings == expected["mappings"]
    assert {user: orjson.loads(value)["hash"] for user, value in refold.records.items()} == expected["hashes"]
    assert whole.hexdigest() == expected["sha256"], "of all records, in the order in which they were written"
