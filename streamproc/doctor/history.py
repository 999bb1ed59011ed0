"""What Kafka already tells: the newest records of some topics, as far as we may read them, and the mapping in force."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.allowed import look
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.adapters.kafka.topics import admin_of
from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.records.topic_names import CURSORS, MAPPINGS
from streamproc.rights import Right
from streamproc.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class History:
    """Empty where Kafka doesn't answer, which its own check tells."""

    newest: Mapping[str, Sequence[ConsumerRecord]] = field(default_factory=dict)
    """Topic → its newest records; without those that aren't there, or may not be read."""
    rules: Rules | None = None
    """In force in most partitions; None: not known."""
    synchronised: Mapping[str, float] | None = None
    """Source → when its synchronisation last came further, in seconds since 1970; None: we may not see that."""


async def history(kafka: KafkaSettings, topics: Sequence[str]) -> History:
    """The newest records of these topics, and what two of them say as a whole. Raises StreamprocError.

    Of others nothing is asked: brokers log each question that isn't allowed.
    """
    if not topics:
        return History()
    async with admin_of(kafka) as admin:
        seen = await look(admin, topics)
        counts = {
            name: seen[name].partitions
            for name in topics
            if seen[name].partitions and not seen[name].leaderless and seen[name].allows(Right("Read", "topic", name))
        }
        mappings, cursors = counts.pop(MAPPINGS, 0), counts.pop(CURSORS, 0)
        rules = await _rules(kafka.model_copy(update={"partitions": mappings})) if mappings else None
        synchronised = await _synchronised(kafka.model_copy(update={"partitions": cursors})) if cursors else None
        return History(await reading.newest(KafkaLog(kafka), counts), rules, synchronised)


async def _synchronised(kafka: KafkaSettings) -> dict[str, float]:
    """Of a small topic, all of which is read."""
    records = reading.records_of(KafkaLog(kafka), CURSORS)
    return {bytes(each.key or b"").decode(errors="replace"): each.timestamp / 1000 async for each in records}


async def _rules(kafka: KafkaSettings) -> Rules | None:
    """Raises MappingError where its text isn't what its name says."""
    texts = Counter((each.digest, each.text) for each in (await in_force(KafkaLog(kafka))).values())
    return compiled(*texts.most_common(1)[0][0]) if texts else None
