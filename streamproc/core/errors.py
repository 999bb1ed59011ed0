"""What can be wrong with what others gave us. Each error says where, and what to do next."""

from __future__ import annotations


class StreamprocError(Exception):
    """Base of everything streamproc raises on purpose; never raised itself."""


class RejectedInputError(StreamprocError):
    """An input record can't become an event. Goes to `events.rejected` with the original bytes."""

    def __init__(self, code: str, detail: str, subject: str | None = None, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.subject = subject
        """Whom it is about, by the source; None: not known, or more than one."""
        self.field = field
        self.others: tuple[RejectedInputError, ...] = ()
        """What else is wrong with it."""


class MappingError(StreamprocError):
    """The mapping file can't be used; names the table and key at fault."""


class SettingsError(StreamprocError):
    """A setting can't be used; names the setting and what would do."""


class TopologyError(StreamprocError):
    """A topic on the cluster differs from what streamproc needs."""


class KafkaUnavailableError(StreamprocError):
    """The Kafka cluster can't be reached, or has stopped answering; names the broker."""


class KafkaIdentityError(StreamprocError):
    """A broker doesn't accept who we are, or isn't to be trusted; names the principal or the certificate."""


class KafkaRightsError(StreamprocError):
    """The Kafka cluster doesn't allow what is needed; names the principal, the operations and the resources."""


class ArchiveError(StreamprocError):
    """An archive can't be used, or can't go on, as it is; names the file, or topic, partition and offsets."""


class HistoryError(StreamprocError):
    """What was recorded can't be read as it stands; names topic, partition and offset."""


class TargetError(StreamprocError):
    """The target doesn't answer, or not as it should; names what it was asked."""


class EvidenceError(StreamprocError):
    """Evidence can't be made as it was asked for; says why."""


class NoBundleError(StreamprocError):
    """A file isn't a bundle of evidence, or none that may be read; says why."""
