"""Which start of the machine this is: what was written without syncing counts only until the next one."""

import uuid
from pathlib import Path
from typing import Final

_LINUX: Final = Path("/proc/sys/kernel/random/boot_id")
_PROCESS: Final = uuid.uuid4().hex


def boot_id() -> str:
    """Another text after each start. Where the system doesn't tell (macOS, Windows) each process has one of its own."""
    try:
        return _LINUX.read_text(encoding="ascii").strip()
    except OSError:
        return _PROCESS
