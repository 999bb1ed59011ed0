"""A history that an earlier release folded: mappings without any newer key keep their digests and their records."""

import hashlib

import orjson

from tests.support.committed_history import changes, refolded, results


def test_what_was_recorded_is_recorded_again() -> None:
    """Folded anew, each record is byte for byte what it was, and each mapping has the digest that it had."""
    expected, refold = results(), refolded()
    whole = hashlib.sha256()
    mappings: list[str] = []
    for logged in changes():
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
