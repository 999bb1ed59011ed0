"""The cluster: is it there, may each process do what it has to, and is each topic what it has to be?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from streamproc.adapters.kafka.allowed import Seen, lacking, look
from streamproc.adapters.kafka.principal import principal
from streamproc.adapters.kafka.topic_identity import made_anew
from streamproc.adapters.kafka.topics import admin_of, differences
from streamproc.core.records.topic_names import FINDINGS, IDENTITIES
from streamproc.doctor.line import Line, Severity
from streamproc.rights import SPARED, Right, alike, essential
from streamproc.settings import KafkaSettings
from streamproc.topics import TOPICS, Topic

SEVERAL: Final = 3
"""Brokers of a cluster that is meant to outlive one of them."""


async def cluster(kafka: KafkaSettings, processes: Mapping[str, Sequence[Right]]) -> list[Line]:
    """Lines about the cluster. `processes`: the rights of each that is to run with this user.

    Raises KafkaUnavailableError, KafkaIdentityError, KafkaRightsError.
    """
    needed = list(dict.fromkeys(right for rights in processes.values() for right in rights))
    names = {right.name for right in needed if right.resource == "topic"}
    topics = [topic for topic in TOPICS if topic.name in names]
    lines: list[Line] = []
    async with admin_of(kafka, needed) as admin:
        seen = await look(admin, [topic.name for topic in topics])
        brokers = len((await admin.describe_cluster())["brokers"])
        word = "broker" if brokers == 1 else "brokers"
        lines.append(Line("ok", "kafka", "cluster", f"{brokers} {word}, {kafka.bootstrap_servers}, {principal(kafka)}"))
        missing = _certain(await lacking(admin, needed, seen, kafka.partitions), seen)
        for process, rights in processes.items():
            lines += _rights(process, [right for right in rights if right in missing], principal(kafka))
        described = [
            topic
            for topic in topics
            if seen[topic.name].partitions and seen[topic.name].allows(Right("DescribeConfigs", "topic", topic.name))
        ]
        other = await differences(
            admin, described, {topic.name: seen[topic.name].partitions for topic in described}, kafka
        )
        known = seen.get(IDENTITIES)
        anew: list[str] = []
        if known and known.partitions and known.allows(Right("Read", "topic", IDENTITIES)):
            as_is = kafka.model_copy(update={"partitions": known.partitions})
            anew = await made_anew(as_is, admin, [topic.name for topic in topics])
    spared = SPARED if "reconcile" in processes else SPARED | {FINDINGS}  # a sink goes on without
    odd = [line for topic in topics for line in _topic(topic, seen[topic.name], spared, other, anew, kafka, brokers)]
    whole = [] if odd else [Line("ok", "kafka", "topics", f"{len(topics)} topics are as they have to be")]
    return [*lines, *odd, *whole]


def _certain(missing: Sequence[Right], seen: Mapping[str, Seen]) -> set[Right]:
    """Without DescribeConfigs on topics that aren't shown for want of another right: there it can't be known."""
    others = {right.name for right in missing if right.operation != "DescribeConfigs" and right.resource == "topic"}
    unknown = {name for name in others if seen[name].hidden}
    return {right for right in missing if right.operation != "DescribeConfigs" or right.name not in unknown}


def _rights(process: str, missing: Sequence[Right], who: str) -> Iterator[Line]:
    about = f"rights of {process}"
    if not missing:
        yield Line("ok", "kafka", about, f"{who} has all of them")
        return
    do = (
        f"grant them: `streamproc topics --acls --commands` prints how, under {process}; "
        f"where {who} is another process's, name that with --as"
    )
    for each in alike(missing):
        names = ", ".join(right.pattern for right in each)
        text = f"{who} lacks {each[0].operation} on {each[0].resource} {names}"
        needed = [right for right in essential(each) if (process, right.name) != ("sink", FINDINGS)]
        yield Line("error" if needed else "warning", "kafka", about, text, do)


def _settings(topic: Topic) -> Iterator[str]:
    """A topic's configuration, as `kafka-configs` takes it."""
    for key, value in topic.config.items():
        yield f"{key}=[{value}]" if "," in value else f"{key}={value}"


def _topic(
    topic: Topic,
    seen: Seen,
    spared: Collection[str],
    other: Mapping[str, Sequence[str]],
    anew: Sequence[str],
    kafka: KafkaSettings,
    brokers: int,
) -> Iterator[Line]:
    if seen.hidden:  # which the rights tell
        return
    name = topic.name
    about = f"topic {name}"
    if not seen.partitions:
        severity: Severity = "warning" if name in spared else "error"
        yield Line(severity, "kafka", about, "isn't there", "streamproc topics --create")
        return
    if name in other:
        counted = seen.partitions != kafka.partitions
        do = (
            "set STREAMPROC_PARTITIONS to what was chosen at the first start: the number can't change"
            if counted
            else f"kafka-configs --bootstrap-server {kafka.bootstrap_servers} --alter --entity-type topics "
            f"--entity-name {name} --add-config {','.join(_settings(topic))}"
        )
        yield Line("error", "kafka", about, "; ".join(other[name]), do)
    if name in anew:
        text = "was made anew since it was used: its offsets mean something else"
        do = f"restore it with the same offsets, then `streamproc topics --accept {name}`"
        yield Line("error", "kafka", about, text, do)
    if seen.leaderless:
        text = f"{seen.leaderless} of {seen.partitions} partitions have no leader: nobody reads or writes them"
        yield Line("error", "kafka", about, text, "see the brokers' logs: too few of them are up")
    elif seen.behind:
        text = f"in {seen.behind} of {seen.partitions} partitions a replica isn't in sync"
        yield Line("warning", "kafka", about, text, "see the brokers' logs")
    if brokers >= SEVERAL and seen.replicas == 1:
        text = f"one replica, on a cluster of {brokers}: it goes with its broker"
        yield Line("warning", "kafka", about, text, "kafka-reassign-partitions; STREAMPROC_REPLICATION is for new ones")
