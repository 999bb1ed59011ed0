"""Certificates that end are told before they do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streamproc.doctor.certificates import judged
from tests.support.certificates import certificate

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("at", "severity", "words"),
    [
        (NOW + timedelta(days=2), "error", "has ended at"),
        (NOW, "warning", "ends at"),
        (NOW - timedelta(days=60), "ok", "is good until"),
    ],
)
def test_a_certificate_is_judged_by_its_end(tmp_path: Path, at: datetime, severity: str, words: str) -> None:
    """It is good for a day: after that it is an error, and in the month before a warning."""
    certificate(tmp_path, "gateway")
    (line,) = judged("sources", tmp_path / "gateway.pem", "STREAMPROC_GATEWAY_CERTIFICATE", at)
    assert (line.severity, line.about) == (severity, "gateway.pem")
    assert words in line.text


def test_what_isnt_a_certificate_is_named(tmp_path: Path) -> None:
    """A key in its place, or no file at all; without a setting nothing is said."""
    certificate(tmp_path, "gateway")
    for name in ("gateway.key", "nothing.pem"):
        (line,) = judged("kafka", tmp_path / name, "STREAMPROC_KAFKA_CERTIFICATE", NOW)
        assert (line.severity, line.do) == ("error", "see STREAMPROC_KAFKA_CERTIFICATE")
    assert list(judged("kafka", None, "STREAMPROC_KAFKA_CERTIFICATE", NOW)) == []
