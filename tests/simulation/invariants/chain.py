"""One user's records in scim.operations: what invariants 1 to 3 say.

Seq is the offset of the event; one event gives one record, the same whoever folds it and however often; each is linked
to the one before it, and none is passed over. A repeat changes nothing.
"""

from hashlib import sha256

from tests.simulation.invariants.watching import FIRST, Known, Record, Telling

HASH = b'"hash":"'


class Chain:
    """Fed with each record of scim.operations, in the order in which they were appended."""

    def __init__(self, known: Known, telling: Telling) -> None:
        self._known = known
        self._tell = telling
        self._links: dict[str, dict[int, tuple[str, bytes]]] = {}
        """User → seq → the record's hash, and all of it."""

    def appended(self, record: Record) -> None:
        """A worker's record, or something strange that history has put there."""
        value, body = record.value, record.body
        if not isinstance(body, dict) or "seq" not in body or value is None:
            return
        user, seq, place = body["user"], body["seq"], f"{record.partition}-{record.offset}"
        links = self._links.setdefault(user, {})
        if (before := links.get(seq)) is not None:
            self._tell.count("chain repeat")
            if before[1] != value:
                self._tell.fail("chain", f"two records of {user} at seq {seq}: the second at {place}")
            return
        self._tell.count("chain record")
        event = self._known.users.get((record.partition, seq))
        if event is None or event not in {"", user} or record.key != user:
            self._tell.fail("chain", f"{place}: {user} has a record at seq {seq}, where the event is of {event!r}")
        newest = max(links, default=FIRST)
        if seq < newest:
            self._tell.fail("chain", f"{place}: {user} at seq {seq} had been passed over: {newest} was before")
        elif body["prev"] != newest or body["before"] != (links[newest][0] if links else ""):
            self._tell.fail("chain", f"{place}: {user} at {seq} comes after {body['prev']}, and {newest} was before")
        if sealed(value) != body["hash"]:
            self._tell.fail("chain", f"{place}: the hash of {user} at {seq} isn't that of the record")
        links[seq] = (body["hash"], value)


def sealed(value: bytes) -> str:
    """SHA-256 over a record whose own hash is empty."""
    begin = value.rfind(HASH) + len(HASH)
    return sha256(value[:begin] + value[begin + 64 :]).hexdigest()
