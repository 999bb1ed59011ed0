"""Identifiers: numbers, logins and addresses that say which person it is. What stands for none is no person's."""

import re
from typing import Any, Final

from streamproc.core.text import unseen
from streamproc.sources.values.text import ascii_digits, plain
from streamproc.sources.values.unread import UNREAD, Unread

LONGEST: Final = 256
"""Characters."""
PLACEHOLDERS: Final = frozenset({
    "na", "null", "nul", "none", "nil", "nan", "undefined", "unknown", "tbd", "tba", "tbc", "empty", "blank", "missing",
    "default", "unassigned", "notassigned", "notavailable", "notapplicable", "notset", "notfound", "novalue", "nodata",
    "noid", "nonumber", "noemployeeid", "noemployeenumber", "notprovided", "notentered", "notknown", "notyetassigned",
    "notassignedyet", "tobedetermined", "tobeassigned", "tobeconfirmed", "pending", "true", "false", "unbekannt",
    "keine", "keiner", "ninguno", "ninguna", "desconocido", "aucun", "aucune", "inconnu", "nessuno",
})  # fmt: skip
"""What people and programs write where there is nothing; without marks and blanks, in lower case."""

_NEVER: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202d\u202e\u2066-\u2069\ud800-\udfff]")
"""What no spreadsheet or keyboard leaves in a number: controls, what turns the direction of reading over, halves."""
_USUAL: Final = re.compile(r"[A-Za-z]{0,3}0{0,9}[1-9][0-9]{0,15}|[a-z0-9]{1,40}\.?[a-z0-9]{1,40}@[a-z0-9.]{3,80}")
"""What most are, so that it costs little."""
_NEGATIVE: Final = re.compile(r"-\d+")
_INEXACT: Final = re.compile(r"[+-]?(\d(\.\d+)?e\+|\d\.\d+e)\d+", re.IGNORECASE)
"""As spreadsheets show a long number, without its last digits."""
_GROUPED: Final = re.compile(r"\d{1,3}([,'’ ]\d{3})+(\.0*)?|\d[\d.]*,\d*")
_TEMPLATE: Final = re.compile(r"\$\{.*\}|\{\{.*\}\}|%\w+%|\[.*\]|<.*>")
"""What was to be filled in, and wasn't: `${employeeId}`, `[object Object]`."""
_QUOTED: Final = re.compile(r"""=?"([^"]*)"|'([^']*)'?""")
"""As spreadsheets keep a number from becoming one: `'00412`, `="00412"`."""
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
"""What word processors make of a hyphen."""
_FORMULA: Final = re.compile(r"#.*[!?/].*")
"""What a spreadsheet shows where a formula failed: `#N/A`, `#REF!`."""
_WHOLE: Final = re.compile(r"(\d+)\.0*")


def identifier(value: Any) -> str | Unread | None:
    """The identifier in one spelling: `12417.0` and `'12417` are `12417`; zeros in front stay.

    Marks that nobody sees and that come along with numbers don't count. None: there is none. UNREAD: a placeholder, a
    structure, a truth value, a number that isn't whole, exact and above 0, and what has controls or other marks in it.
    """
    if value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and 0 < value < 2**53 else UNREAD
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < 10**30 else UNREAD
    if not isinstance(value, str):
        return UNREAD
    if _USUAL.fullmatch(value):
        return value
    if _NEVER.search(value) is not None:
        return UNREAD
    written = ascii_digits(plain(value)).translate(_DASHES)
    if (quoted := _QUOTED.fullmatch(written)) is not None:
        written = plain(quoted[1] or quoted[2] or "")
    if written == "":
        return None
    if (whole := _WHOLE.fullmatch(written)) is not None:
        written = whole[1]
    return UNREAD if _stands_for_none(written) or len(written) > LONGEST or unseen(written) else written


def known_identifier(value: Any) -> str | None:
    """The same, where it doesn't matter why there is none."""
    written = identifier(value)
    return None if written is UNREAD else written


def _stands_for_none(written: str) -> bool:
    bare = "".join(character for character in written.casefold() if character.isalnum())
    if bare.strip("0") == "" or bare in PLACEHOLDERS or (len(bare) > 2 and bare.strip("x") == ""):
        return True
    return any(form.fullmatch(written) for form in (_NEGATIVE, _INEXACT, _GROUPED, _FORMULA, _TEMPLATE))
