"""A single-node Apache Kafka for development, demos and tests: nothing but Python packages is needed to run it."""

from streamproc.embedded.artifacts import EmbeddedKafkaUnavailable
from streamproc.embedded.broker import EmbeddedKafka, embedded_kafka

__all__ = ["EmbeddedKafka", "EmbeddedKafkaUnavailable", "embedded_kafka"]
