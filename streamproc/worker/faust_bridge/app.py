"""The worker's Faust app, and its topics."""

import tempfile
from typing import Any

import faust

from streamproc.settings import Settings


def make_app(settings: Settings) -> Any:
    """The app. Its web server, its leader topic and its own creation of topics are off."""
    options: dict[str, Any] = {
        "broker": [f"kafka://{server}" for server in settings.kafka.split(",")],
        "datadir": settings.data if settings.table_store == "rocksdb" else tempfile.gettempdir(),
        "store": "memory://" if settings.table_store == "memory" else "rocksdb://",
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": settings.partitions,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "consumer_auto_offset_reset": "earliest",
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": settings.session_timeout / 4,
        "broker_max_poll_records": 1_000,
        "broker_commit_interval": 1.0,
        "broker_commit_livelock_soft_timeout": 300.0,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": 8192,
        "logging_config": None,
        "loghandlers": [],
    }
    if settings.kafka_security != "PLAINTEXT":
        options["broker_credentials"] = _credentials(settings)
    return faust.App(f"{settings.group}-worker", **options)


def _credentials(settings: Settings) -> Any:
    context = settings.ssl_context()
    if not settings.kafka_security.startswith("SASL"):
        return faust.SSLCredentials(context)
    secret = settings.kafka_password
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=secret.get_secret_value() if secret else None,
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )


def topic_of(app: Any, *names: str) -> Any:
    """A topic of bytes: what can't be parsed must reach us, not Faust's decoder, which would drop it."""
    return app.topic(*names, key_type=bytes, value_type=bytes, allow_empty=True)


def settled(app: Any) -> bool:
    """Whether partitions are where they belong, and tables whole."""
    return bool(not app.rebalancing and not app.in_recovery and app.flow_control.is_active())
