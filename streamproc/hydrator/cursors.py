"""How far the synchronisation of each source has come, and whom it knows."""

from typing import Protocol

import orjson

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log, Producer
from streamproc.core.records.change_event import GONE
from streamproc.core.records.cursor import CURSOR, Cursor
from streamproc.core.records.link import decode_link
from streamproc.core.records.topic_names import CURSORS, LINKS


async def known_subjects(kafka: Log, source: str) -> set[str]:
    """In table `links`: subjects of a source that it hasn't called gone. Raises KafkaError."""
    present: dict[str, bool] = {}
    async for name, link in reading.read_topic(kafka, LINKS, decode_link):
        its_source, _, subject = name.partition("/")
        if its_source == source and link is not None:
            present[subject] = link.facts is not None and link.facts.values.get(GONE) is not True
    return {subject for subject, is_present in present.items() if is_present}


class Cursors(Protocol):
    """Where cursors are stored."""

    async def load(self, source: str) -> Cursor:
        """The newest; an empty one where there is none."""

    async def save(self, cursor: Cursor) -> None:
        """Returns when it is stored."""


class KafkaCursors:
    """Cursors in topic `streamproc.cursors`."""

    def __init__(self, kafka: Log, producer: Producer) -> None:
        self._kafka = kafka
        self._producer = producer

    async def load(self, source: str) -> Cursor:
        newest = Cursor(source)
        async for name, cursor in reading.read_topic(self._kafka, CURSORS, CURSOR.validate_json):
            if name == source:
                newest = cursor or Cursor(source)  # deleted: everything is read again
        return newest

    async def save(self, cursor: Cursor) -> None:
        await self._producer.send_and_wait(CURSORS, orjson.dumps(cursor), key=cursor.source.encode())
