"""Mappings that a run may bring into force, by name. What each of them means is written out again in the oracle."""

from pathlib import Path
from typing import Final

import streamproc

OUT: Final = "Sales"
"""The department that isn't in scope, where there is a scope."""
AWAY: Final = "Garden leave"
"""What the fact `leave` says of who has no access for a time, where a mapping looks."""

_DEFAULT: Final = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
_SCOPE: Final = f"[scope]\nwho = 'department != \"{OUT}\"'\n"
_RELEASE: Final = _SCOPE + 'leaving = "release"\n'
_SUSPEND: Final = f'[suspend]\nwhen = \'coalesce(leave, "") in ["{AWAY}"]\'\n'
_AUTHORITY: Final = '[authority]\nactive = ["hris"]\njob = ["hris", "entra"]\n'
_MORE: Final = f"""
[[rule]]
when = {{ department = "{OUT}" }}
languages = {{ French = 2.0 }}
[[rule]]
when = {{ costCenter = "*" }}
roles = ["Supervisor"]
"""
_LEAN: Final = """
[attributes]
title = "job"
department = "department"
[[rule]]
when = { job = "*Agent*" }
roles = ["Agent"]
[always]
roles = ["employee"]
"""

TEXTS: Final[dict[str, str]] = {
    "default": _DEFAULT,
    "scoped": _SCOPE + _DEFAULT,
    "releasing": _RELEASE + _DEFAULT,
    "suspending": _SUSPEND + _DEFAULT,
    "strict": _SCOPE + _SUSPEND + _DEFAULT,
    "hr-decides": _AUTHORITY + _DEFAULT,
    "generous": _DEFAULT + _MORE,
    "lean": _LEAN,
}
"""Name → the file."""
