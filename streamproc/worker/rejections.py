"""Rejections: what can't be understood is set aside, whole, with the reason, and holds up nothing else.

A rejection is told where operators look: in `events.rejected`, in a metric, and in the log, there without values.
"""

from collections.abc import Callable, Mapping, Sequence

import structlog

from streamproc import telemetry
from streamproc.core.errors import RejectedInputError
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.topic_names import CHANGES, CONTROLS, PUSHED, REJECTIONS
from streamproc.sources.field_names import known_fields, label
from streamproc.sources.options import SourceOptions
from streamproc.sources.suspected_leaver import may_deny
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")


class Rejections:
    """For one worker. `options`: by source."""

    def __init__(self, producer: BatchingProducer, options: Mapping[str, SourceOptions]) -> None:
        self._producer = producer
        self._fields = {source: known_fields(each) for source, each in options.items()}

    def reject(
        self, raw: RawRecord, error: RejectedInputError, done: Callable[[], None], *, denies: bool | None = None
    ) -> None:
        """Set a record aside; `done` is called when the brokers have it.

        `denies`: whether it takes somebody's access away, which it doesn't now; None: that isn't known.
        """
        problems = [Problem(each.code, each.detail, each.subject, each.field) for each in (error, *error.others)]
        denies = may_deny(raw.value) if denies is None and raw.topic != CONTROLS else denies is True
        self._tell("rejected", raw, problems)
        self._alarm(raw, denies=denies)
        self._producer.put(REJECTIONS, raw.address, _encoded(raw, problems, denies=denies), done)

    def tell(self, raw: RawRecord, problems: Sequence[Problem], *, denies: bool = False) -> None:
        """Say what couldn't be read of a record, the rest of which is carried out. `denies`: a leaving isn't."""
        if problems:
            self._tell("not understood", raw, problems)
            self._alarm(raw, denies=denies)
            self._producer.put(REJECTIONS, raw.address, _encoded(raw, problems, partial=True, denies=denies))

    def _alarm(self, raw: RawRecord, *, denies: bool) -> None:
        if denies:
            telemetry.rejected_denial(raw.source, raw.topic, raw.partition, raw.offset)

    def _tell(self, words: str, raw: RawRecord, problems: Sequence[Problem]) -> None:
        source = raw.source
        known = self._fields.get(source, frozenset())
        told = [(problem.code, label(problem.field, known)) for problem in problems]
        for code, field in told:
            telemetry.REJECTED.labels(source, code, field).inc()
        (code, field), n = told[0], len(told)
        log.warning(words, topic=raw.topic, partition=raw.partition, offset=raw.offset, code=code, field=field, n=n)


def _encoded(raw: RawRecord, problems: Sequence[Problem], *, partial: bool = False, denies: bool = False) -> bytes:
    """What lies in a topic of ours for ever isn't stored twice."""
    return encode_rejected(
        raw.topic,
        raw.partition,
        raw.offset,
        raw.timestamp,
        problems,
        key=raw.key,
        value=raw.value,
        headers=raw.headers.items(),
        partial=partial,
        kept=raw.topic not in {CHANGES, CONTROLS, PUSHED},
        denies=denies,
    )
