"""Who the brokers see when we connect."""

from datetime import datetime

from cryptography import x509

from streamproc.settings import KafkaSettings


def principal(kafka: KafkaSettings) -> str:
    """As Kafka's ACLs name it, where that can be known from here: rules of the brokers make it of a certificate."""
    if kafka.security.startswith("SASL"):
        return f"User:{kafka.username}"
    if kafka.certificate is not None and kafka.security == "SSL":
        return f"the certificate {subject(kafka)}"
    return "User:ANONYMOUS"


def subject(kafka: KafkaSettings) -> str:
    """The client certificate's: CN=..., as in the rules for principals. The file's name, where it can't be read."""
    certificate = _certificate(kafka)
    return str(kafka.certificate) if certificate is None else certificate.subject.rfc4514_string()


def expired(kafka: KafkaSettings, now: datetime) -> datetime | None:
    """When the client certificate ended. None: it hasn't, or there is none."""
    certificate = _certificate(kafka)
    ended = None if certificate is None else certificate.not_valid_after_utc
    return ended if ended is not None and ended < now else None


def _certificate(kafka: KafkaSettings) -> x509.Certificate | None:
    if kafka.certificate is None:
        return None
    try:
        return x509.load_pem_x509_certificate(kafka.certificate.read_bytes())
    except (OSError, ValueError):
        return None
