"""A single-node Apache Kafka for development, demos and tests: nothing but Python packages is needed to run it."""

from streamproc.embedded.artifacts import EmbeddedKafkaUnavailable
from streamproc.embedded.broker import EmbeddedKafka, embedded_kafka
from streamproc.embedded.secured import Secured

__all__ = ["EmbeddedKafka", "EmbeddedKafkaUnavailable", "Secured", "embedded_kafka"]
