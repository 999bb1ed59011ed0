"""Certificates of ours: nobody is told when one ends, until everybody hangs up."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from streamproc.doctor.line import Line, Part

SOON: Final = timedelta(days=30)


def judged(part: Part, file: Path | None, setting: str, now: datetime) -> Iterator[Line]:
    """Whether the certificate in a PEM file can be used, and for how long. None: there is none. `setting`: its name."""
    if file is None:
        return
    about, do = file.name, f"have another one issued: {setting}"
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        yield Line("error", part, about, "can't be read as a certificate", f"see {setting}")
        return
    if ends <= now:
        yield Line("error", part, about, f"has ended at {ends:%Y-%m-%d %H:%M} UTC", do)
    elif ends < now + SOON:
        yield Line("warning", part, about, f"ends at {ends:%Y-%m-%d %H:%M} UTC", do)
    else:
        yield Line("ok", part, about, f"is good until {ends:%Y-%m-%d}")
