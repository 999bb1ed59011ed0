"""Names of topics, and whose they are.

Kafka's rights are by topic, so who may say what is a topic each: outside producers have `events.SOURCE`, gateway and
hydrator `intake.SOURCE` where there are producers and else `events.SOURCE`, and the worker has `streamproc.forwarded`.
"""

from typing import Final

PRODUCED: Final = frozenset({"hris", "entra", "workday", "debezium"})
"""Sources whose events outside producers write to Kafka."""

DAY: Final = 24 * 3600 * 1000
CHANGES: Final = "identity.changes"
LINKS: Final = "identity.links"
OPERATIONS: Final = "scim.operations"
OUTCOMES: Final = "scim.outcomes"
DELIVERIES: Final = "scim.deliveries"
FINDINGS: Final = "scim.findings"
STATUS: Final = "streamproc.status"
REJECTIONS: Final = "events.rejected"
CONTROLS: Final = "streamproc.controls"
CURSORS: Final = "streamproc.cursors"
IDENTITIES: Final = "streamproc.topics"
MAPPINGS: Final = "streamproc.mappings"
RESOURCES: Final = "scim.resources"
PUSHED: Final = "events.scim"
"""What SCIM clients have written. Kept for ever: their users and groups are made of it."""
FORWARDS: Final = "streamproc.forwarded"
"""The worker's own: what is said of a subject, and what operators order of it, in one order in its partition."""

SOURCES_TOPICS: Final = ("events.", "intake.", "notifications.")
"""What the names of topics begin with in which a source's input comes, `events.rejected` apart."""


def events_topic(source: str) -> str:
    """Where a source's events come that outside producers write; others have none of their own."""
    return f"events.{source}"


def intake_topic(source: str) -> str:
    """Where gateway and hydrator append what a source told them."""
    return f"intake.{source}" if source in PRODUCED else f"events.{source}"


def notifications_topic(source: str) -> str:
    """Where they append what says only that a subject has changed."""
    return f"notifications.{source}"


def is_input(topic: str) -> bool:
    """Whether a source's input comes there."""
    return topic.startswith(SOURCES_TOPICS) and topic != REJECTIONS


def is_raw(topic: str) -> bool:
    """Whether it holds what a source has said, of which nothing of ours depends on where it lies."""
    return is_input(topic) and topic != PUSHED


def source_of(topic: str) -> str:
    """Whose input a topic holds, or a rejection is about: a gateway's requests, a synchronisation's subjects, too.

    Of other topics, their name: what the worker has forwarded says itself whose it is.
    """
    for begin in (*SOURCES_TOPICS, "gateway/", "sync/"):
        if topic.startswith(begin):
            return topic.removeprefix(begin)
    return topic
