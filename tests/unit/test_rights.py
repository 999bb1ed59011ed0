"""Which rights each process has: what they must be able to do, and what none of them may."""

from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    DELIVERIES,
    IDENTITIES,
    LINKS,
    OPERATIONS,
    OUTCOMES,
    PUSHED,
    STATUS,
)
from streamproc.rights import PROCESSES, Right, essential, gateway, hydrator, sync
from streamproc.topics import TOPICS

BY_NAME = {process.name: process.rights("acme") for process in PROCESSES}


def names(process: str, operation: str, resource: str = "topic") -> set[str]:
    """What a process may do this with."""
    return {right.name for right in BY_NAME[process] if (right.operation, right.resource) == (operation, resource)}


def test_every_topic_is_written_and_read_by_somebody() -> None:
    """Whoever may create the topics apart: a topic without a reader, or without a writer, would be a dead end."""
    processes = [name for name in BY_NAME if name != "topics --create" and not name.startswith("auditors")]
    for operation in ("Read", "Write"):
        assert {topic.name for topic in TOPICS} == set().union(*(names(process, operation) for process in processes))


def test_groups_and_ids_begin_with_the_setting() -> None:
    """Worker, sink and hydrator have a group each, a synchronisation by hand has none, and only sinks have ids."""
    groups = {process: names(process, "Read", "group") for process in BY_NAME}
    assert {process: found for process, found in groups.items() if found} == {
        process: {f"acme-{process}"} for process in ("worker", "sink", "hydrator")
    }
    ids = [right for rights in BY_NAME.values() for right in rights if right.resource == "transactional-id"]
    assert ids == [Right("Write", "transactional-id", "acme-sink-", prefixed=True)]


def test_nobody_has_more_than_a_job_needs() -> None:
    """Who looks can't write, who sends can't read, and only those who decide write what others obey."""
    writers = {topic: {name for name in BY_NAME if topic in names(name, "Write")} for topic in (CHANGES, OPERATIONS)}
    assert writers == {CHANGES: {"worker"}, OPERATIONS: {"worker"}}
    for topic in (OUTCOMES, DELIVERIES):
        assert {name for name in BY_NAME if topic in names(name, "Write")} == {"sink"}
    assert {name for name in BY_NAME if CONTROLS in names(name, "Write")} == {"operators"}
    assert not names("auditors --raw", "Write")
    assert names("gateway", "Read") == {PUSHED, CONTROLS, IDENTITIES, LINKS, DELIVERIES, OUTCOMES}
    assert names("producer of events.hris", "Write") == {"events.hris"}
    assert {right.operation for name in BY_NAME if name != "topics --create" for right in BY_NAME[name]} == {
        "Read",
        "Write",
        "DescribeConfigs",
    }


def test_a_process_needs_nothing_of_sources_that_it_has_nothing_to_do_with() -> None:
    """Doors and directories that aren't configured need no rights; what is about no source is always needed."""
    few = {right.name for right in gateway(["okta"])}
    assert few == {"events.okta", "notifications.okta", "events.rejected", "streamproc.status"}
    assert {right.name for right in gateway()} > few
    fetched = {right.name for right in hydrator("g", ["okta"])}
    assert fetched == few | {"identity.links", "streamproc.cursors", "streamproc.topics", "g-hydrator"}
    assert {right.name for right in sync(["okta"])} == fetched - {
        "notifications.okta",
        "g-hydrator",
        "streamproc.status",
    }


def test_no_service_depends_on_where_it_says_how_it_is() -> None:
    """On a cluster of before that topic, or of before the right to write to it, everybody works."""
    for name in ("worker", "sink", "gateway", "hydrator"):
        assert set(BY_NAME[name]) - set(essential(BY_NAME[name])) == {
            Right("Write", "topic", STATUS),
            Right("DescribeConfigs", "topic", STATUS),
        }
