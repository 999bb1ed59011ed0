"""TopicIdentity: which topic a name stood for when it was first used, the value of `streamproc.topics`."""

from typing import Final

from pydantic import TypeAdapter

from streamproc.core.records.value import Value


class TopicIdentity(Value, frozen=True):
    """`id` as Kafka's tools write it. A topic that is made anew has another."""

    topic: str
    id: str


TOPIC_IDENTITY: Final[TypeAdapter[TopicIdentity]] = TypeAdapter(TopicIdentity)
