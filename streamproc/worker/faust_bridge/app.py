"""The worker's Faust app, and its topics."""

import tempfile
from typing import Any

import faust

from streamproc.settings import KafkaSettings, WorkerSettings


def make_app(kafka: KafkaSettings, worker: WorkerSettings) -> Any:
    """The app. Its web server, its leader topic and its own creation of topics are off."""
    options: dict[str, Any] = {
        "broker": [f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        "datadir": worker.data if worker.table_store == "rocksdb" else tempfile.gettempdir(),
        "store": "memory://" if worker.table_store == "memory" else "rocksdb://",
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": kafka.partitions,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "consumer_auto_offset_reset": "earliest",
        "broker_session_timeout": kafka.session_timeout,
        "broker_heartbeat_interval": kafka.session_timeout / 4,
        "broker_max_poll_records": 1_000,
        "broker_commit_interval": 1.0,
        "broker_commit_livelock_soft_timeout": 300.0,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": 8192,
        "logging_config": None,
        "loghandlers": [],
    }
    if kafka.security != "PLAINTEXT":
        options["broker_credentials"] = _credentials(kafka)
    return faust.App(f"{kafka.group}-worker", **options)


def _credentials(kafka: KafkaSettings) -> Any:
    context = kafka.ssl_context()
    if not kafka.security.startswith("SASL"):
        return faust.SSLCredentials(context)
    secret = kafka.password
    return faust.SASLCredentials(
        username=kafka.username,
        password=secret.get_secret_value() if secret else None,
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )


def topic_of(app: Any, *names: str) -> Any:
    """A topic of bytes: what can't be parsed must reach us, not Faust's decoder, which would drop it."""
    return app.topic(*names, key_type=bytes, value_type=bytes, allow_empty=True)


def settled(app: Any) -> bool:
    """Whether partitions are where they belong, and tables whole."""
    return bool(not app.rebalancing and not app.in_recovery and app.flow_control.is_active())
