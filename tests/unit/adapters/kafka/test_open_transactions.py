"""Somebody's open transaction, which nothing behind it is read before: told, measured, and told when it has ended."""

from structlog.testing import capture_logs
from structlog.typing import EventDict

from streamproc import telemetry
from streamproc.adapters.kafka.log import TopicPartition
from streamproc.adapters.kafka.open_transactions import PATIENCE, OpenTransactions

PLACE = TopicPartition("events.hris", 3)


class Reader:
    """A consumer of one partition, of which something was fetched."""

    stable: int | None = None
    end: int | None = None

    def assignment(self) -> list[TopicPartition]:
        return [PLACE]

    def highwater(self, _: TopicPartition) -> int | None:
        return self.end

    def last_stable_offset(self, _: TopicPartition) -> int | None:
        return self.stable


def gauge() -> float | None:
    """What is exposed of the partition."""
    return {
        sample.labels["topic"]: sample.value
        for metric in telemetry.OPEN_TRANSACTION.collect()
        for sample in metric.samples
    }.get("events.hris")


def ours(logs: list[EventDict]) -> list[EventDict]:
    """What was told of a partition: what an earlier test left may be told meanwhile, when it is collected."""
    return [each for each in logs if "partition" in each]


def test_it_is_told_once_and_measured() -> None:
    """Not while transactions come and go, which moves the offset."""
    now, reader = [0.0], Reader()
    waiting = OpenTransactions(reader, lambda: now[0])
    with capture_logs() as logs:
        for at, stable, end in (
            (0.0, None, None),
            (1.0, 5, 5),
            (2.0, 5, 9),
            (PATIENCE, 9, 12),
            (PATIENCE + 9.0, 9, 13),
        ):
            now[0], reader.stable, reader.end = at, stable, end
            waiting.look()
        assert (gauge(), ours(logs)) == (9.0, [])
        for at in (PATIENCE * 2, PATIENCE * 3):
            now[0] = at
            waiting.look()
        assert [(each["topic"], each["partition"], each["offset"], each["seconds"]) for each in ours(logs)] == [
            ("events.hris", 3, 9, PATIENCE)
        ]
        reader.stable = 14
        waiting.look()
        assert gauge() is None
        assert ours(logs)[-1]["event"] == "the transaction has ended"
