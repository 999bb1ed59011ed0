"""What each process must be allowed to do on a Kafka that allows nothing by itself, from `topics.py`.

Read and Write imply Describe. Nobody needs a right on the cluster, nor Alter, Delete or IdempotentWrite.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final, Literal, NamedTuple, TypeAlias

from streamproc.core.records.topic_names import STATUS, source_of
from streamproc.sources import SOURCES
from streamproc.topics import PRODUCERS, RAW_AUDITORS, SCIM_DOOR, TOPICS, Party, Role, Topic

Operation: TypeAlias = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
Resource: TypeAlias = Literal["topic", "group", "transactional-id"]


class Right(NamedTuple):
    """An operation on a resource, as Kafka's ACLs name them. `prefixed`: on all whose names begin so."""

    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False

    @property
    def pattern(self) -> str:
        """The name, with `*` behind it where it is a prefix."""
        return self.name + "*" * self.prefixed

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.pattern}"


def alike(rights: Iterable[Right]) -> Iterator[list[Right]]:
    """Neighbours that differ in the name alone."""
    for _, neighbours in groupby(rights, lambda right: (right.operation, right.resource, right.prefixed)):
        yield list(neighbours)


@dataclass(frozen=True, slots=True)
class Process:
    """What connects with a principal of its own."""

    name: str
    does: str
    rights: Callable[[str], list[Right]]
    """By the prefix of groups and transactional ids (STREAMPROC_GROUP)."""


SPARED: Final = frozenset({STATUS})
"""Topics that a service does its work without: where it may not use them, that is told, and isn't the end."""


def essential(rights: Iterable[Right]) -> list[Right]:
    """Those without which a process can't work. Whoever reads what others only tell can't do without it."""
    rights = list(rights)
    spared = SPARED - {right.name for right in rights if right.operation == "Read"}
    return [right for right in rights if right.name not in spared]


def worker(group: str) -> list[Right]:
    """A worker's."""
    return [*_of("worker"), Right("Read", "group", f"{group}-worker")]


def sink(group: str) -> list[Right]:
    """A sink's. Its transactional ids end with the number of a partition."""
    used = Right("Write", "transactional-id", f"{group}-sink-", prefixed=True)
    return [*_of("sink"), Right("Read", "group", f"{group}-sink"), used]


def reconcile() -> list[Right]:
    """Of who compares the target with what is desired. It is in no group."""
    return _of("reconcile")


def gateway(sources: Iterable[str] | None = None) -> list[Right]:
    """A gateway's with doors for these sources; None: for all. With `scim`: what only SCIM clients need, too."""
    none = () if sources is None or "scim" in (sources := set(sources)) else (SCIM_DOOR,)
    return _of("gateway", _about(sources), none)


def hydrator(group: str, sources: Iterable[str] | None = None) -> list[Right]:
    """A hydrator's with directories for these sources; None: for all."""
    return [*_of("hydrator", _about(sources)), Right("Read", "group", f"{group}-hydrator")]


def sync(sources: Iterable[str] | None = None) -> list[Right]:
    """Of `streamproc sync`: the hydrator's without its group, notifications and states."""
    wanted = _about(sources)
    none = ("notifications.", STATUS)
    return _of("hydrator", lambda topic: not topic.name.startswith(none) and wanted(topic))


def operator(*, reads: Iterable[str] = (), writes: Iterable[str] = ()) -> list[Right]:
    """Of one command of an operator's, which reads and writes these topics."""
    reads, writes = set(reads), set(writes)
    return [
        *(Right("Read", "topic", topic.name) for topic in TOPICS if topic.name in reads),
        *(Right("Write", "topic", topic.name) for topic in TOPICS if topic.name in writes),
        *(Right("DescribeConfigs", "topic", topic.name) for topic in TOPICS if topic.name in reads | writes),
    ]


def auditor(topics: Iterable[str]) -> list[Right]:
    """Of one command of an auditor's, which reads these topics."""
    return [Right("Read", "topic", name) for name in topics]


def creator(*, create: bool = True) -> list[Right]:
    """Of `streamproc topics --create`, or without it of `--check`."""
    wanted: tuple[Operation, ...] = ("Create", "Describe", "DescribeConfigs")
    return [Right(each, "topic", topic.name) for each in wanted[not create :] for topic in TOPICS]


def producer(topic: Topic) -> list[Right]:
    """Of who sends a source's events to Kafka."""
    return [Right("Write", "topic", topic.name)]


def _producer(topic: Topic, _: str) -> list[Right]:
    return producer(topic)


def _auditors(*, raw: bool) -> list[Right]:
    return [
        Right("Read", "topic", topic.name)
        for topic in TOPICS
        for party in topic.readers
        if party.role == "auditors" and (raw or party != RAW_AUDITORS)
    ]


def _about(sources: Iterable[str] | None) -> Callable[[Topic], bool]:
    """Whether a topic is about one of these sources, or about none in particular."""
    if sources is None:
        return lambda _: True
    others = {*SOURCES} - {*sources}
    return lambda topic: source_of(topic.name) not in others


def _of(role: Role, wanted: Callable[[Topic], bool] = lambda _: True, without: Collection[Party] = ()) -> list[Right]:
    """On topics: to read and write them, and to compare their configuration with what it has to be."""

    def has(parties: Iterable[Party]) -> bool:
        return any(party.role == role and party not in without for party in parties)

    topics = [topic for topic in TOPICS if wanted(topic)]
    own = [topic for topic in topics if has(topic.readers) or has(topic.writers)]
    return [
        *(Right("Read", "topic", topic.name) for topic in own if has(topic.readers)),
        *(Right("Write", "topic", topic.name) for topic in own if has(topic.writers)),
        *(Right("DescribeConfigs", "topic", topic.name) for topic in own),
    ]


PROCESSES: Final = (
    Process("topics --create", "create the topics, and compare those that are there", lambda _: creator()),
    Process("worker", "each worker", worker),
    Process("sink", "each sink", sink),
    Process("reconcile", "who compares Genesys with what is desired", lambda _: reconcile()),
    Process("gateway", "each gateway; only the topics of its doors", lambda _: gateway()),
    Process("hydrator", "each hydrator; only the topics of its directories", hydrator),
    Process("sync", "a directory synchronised by hand; only its topics", lambda _: sync()),
    Process(
        "operators",
        "parked, held, rejected, loops, findings, identities, mapping, connections, seed, sink, status",
        lambda _: _of("operators"),
    ),
    Process("auditors", "archive, replay, report", lambda _: _auditors(raw=False)),
    Process("auditors --raw", "the same, and what the sources sent", lambda _: _auditors(raw=True)),
    *(
        Process(f"producer of {topic.name}", "whoever sends these events to Kafka", partial(_producer, topic))
        for topic in TOPICS
        if PRODUCERS in topic.writers
    ),
)
"""All that connect to Kafka."""
