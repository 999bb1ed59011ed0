"""Links as they are kept in `identity.links`, and who is held as ambiguous, for who looks from outside."""

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.fold.claims import ambiguous, may_be_ambiguous
from streamproc.core.records.link import LINK, Link
from streamproc.core.records.topic_names import LINKS, OPERATIONS
from streamproc.core.records.user_record import decode_state


async def all_links(kafka: Log) -> dict[str, Link]:
    """SOURCE/SUBJECT → the newest link of each subject. Raises KafkaError."""
    found: dict[str, Link] = {}
    async for name, link in reading.read_topic(kafka, LINKS, LINK.validate_json):
        if link is None:
            continue  # a worker that starts appends again what was deleted
        if name not in found or found[name].seq <= link.seq:
            found[name] = link
    return dict(sorted(found.items()))


async def held_claims(kafka: Log) -> dict[str, str]:
    """SOURCE/SUBJECT of each that is held → the user that it claims to be. Raises KafkaError."""
    claims: dict[str, set[str]] = {}
    async for user, held in reading.read_topic(kafka, OPERATIONS, _held):
        if held:
            claims[user] = held
        elif held is not None:
            claims.pop(user, None)
    return {name: user for user, names in claims.items() for name in sorted(names)}


def _held(value: bytes) -> set[str]:
    """Subjects in an encoded record that are held; few records have any, and those alone are decoded."""
    if not may_be_ambiguous(value):
        return set()
    facts = decode_state(value).facts
    return {name for name, each in facts.items() if ambiguous(each)}
