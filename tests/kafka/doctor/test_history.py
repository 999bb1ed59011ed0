"""What the doctor learns from a Kafka in use: the mapping in force, last events, synchronisations, services' clocks."""

import time
from typing import Any

import orjson

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import started
from streamproc.adapters.kafka.reading import end_offsets
from streamproc.compose.doctor import diagnose
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Origin
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.service_state import ServiceState
from streamproc.core.records.topic_names import CHANGES, CURSORS, MAPPINGS, STATUS
from streamproc.core.records.units import Millis
from streamproc.demo.directories import pointed
from streamproc.settings import Settings
from streamproc.topics import TOPICS
from tests.support.examined import MAPPING, organization

IN_FORCE = MAPPING.replace("Spanish = 4.0 }\nlanguages", "Klingon = 4.0 }\nlanguages")
"""A mapping that gives a skill which isn't there, so that it is seen which one was taken."""


async def told(settings: Settings, *records: tuple[str, str, Any]) -> None:
    """Append records: topic, key, and what becomes JSON; in a transaction, which leaves its mark behind them."""
    async with started(KafkaLog(settings.kafka).producer("streamproc-sink-test")) as producer, producer.transaction():
        for topic, key, value in records:
            await producer.send(topic, orjson.dumps(value), key=key.encode())


async def test_what_kafka_tells_is_used(settings: Settings) -> None:
    """The mapping in force, not the file's; a subject that was told of; ages and clocks. Nothing is written."""
    now = time.time()
    digest = parse_mapping(IN_FORCE).digest
    origin = Origin(CHANGES, 0, 0, Millis(0))
    ahead = ServiceState("sink", "host:1", "1", "ok", [], Millis(0), Millis(int((now + 300) * 1000)))
    rules = MappingInForce(0, digest, IN_FORCE, "Kim", "test", origin, Millis(0))
    await told(
        settings,
        (MAPPINGS, "0", rules),
        ("notifications.okta", "00u1", {}),
        ("events.hris", "1001", {}),
        (CURSORS, "okta", Cursor("okta")),
        (STATUS, ahead.key, ahead),
    )
    ends = {topic.name: await end_offsets(KafkaLog(settings.kafka), topic.name) for topic in TOPICS}
    async with organization() as there:
        await there.least(IN_FORCE)
        urls = {name: there.settings().by_name()[name] for name in ("scim_url", "platform_url", "token_url")}
        okta = {name: value for name, value in pointed(there.address).items() if name.startswith("okta")}
        lines = {line.about: line for line in await diagnose(settings.changed(**urls, **okta))}
        asked = await (await there.http.get(f"{there.address}/_sim/requests")).json()
    wrong = {about: line.severity for about, line in lines.items() if line.severity != "ok"}
    assert wrong == {"rule 1 (department = Spanish*)": "error", "sink/host:1": "error"}, (lines, asked)
    assert lines["mapping"].text == f"{digest}, which is in force"
    assert lines["events of okta"].text == "the last one came less than a minute ago"
    assert lines["synchronisation of okta"].text == "came further less than a minute ago"
    assert lines["events of hris"].text == "the last one of a producer's came less than a minute ago"
    assert not {"events of debezium", "events of workday"} & lines.keys()
    assert ends == {topic.name: await end_offsets(KafkaLog(settings.kafka), topic.name) for topic in TOPICS}
    assert lines["brokers"].text.startswith("is right")
