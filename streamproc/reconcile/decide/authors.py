"""Authors: who changed what differs, by the entries of the target's audit log (Genesys Cloud: `/api/v2/audits/query`).

Rule 1: of the successful entries that show an attribute, the newest counts. How properties are called isn't documented:
an entry shows an attribute by one of the names in `NAMES`, or by a new value that is the one held, unless its name is
that of another attribute.
Rule 2: an entry of our own OAuth client says that we wrote. If that was just now, and what is held, that is on its way;
if it was long ago, somebody else has our credentials, or a request landed late: it is `unknown`, and
repaired like any other. If it shows what we desire, the log doesn't have the change yet.
Rule 3: a leaver who is active is nobody's to keep: that is never `pending` here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from streamproc.core.records.finding import Changed, Difference
from streamproc.core.records.resource import EXTERNAL_ID, GROUP
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import same_id
from streamproc.core.scim.spelling import fold

RECENT: Final = 60_000
"""Milliseconds for which a write of ours may not be in our deliveries yet."""
LONGEST: Final = 200
"""Characters that are kept of an id or a name."""
VALUES: Final = 20_000
"""Old or new values of one property; of more, nothing is said by it."""

_DONE: Final = ("SUCCESS", "WARNING")
_PHONES: Final = frozenset({"phonenumbers", "addresses"})
NAMES: Final[Mapping[str, frozenset[str]]] = {
    "userName": frozenset({"username", "email"}),
    "displayName": frozenset({"displayname", "name"}),
    "active": frozenset({"active", "state"}),
    "title": frozenset({"title"}),
    "department": frozenset({"department"}),
    "division": frozenset({"division"}),
    "email": frozenset({"emails", "email", "addresses"}),
    "employeeNumber": frozenset({"employeenumber", "employerinfo.employeeid"}),
    "manager": frozenset({"manager"}),
    "hired": frozenset({"datehire", "employerinfo.datehire"}),
    "externalId": frozenset({"externalid", "externalids"}),
    "externalIds": frozenset({"externalids"}),
    "roles": frozenset({"roles"}),
    "skills": frozenset({"skills", "routingskills"}),
    "languages": frozenset({"languages", "routinglanguages"}),
    **dict.fromkeys(("phone", "phone2", "phone3", "phone4", "mobile", "homePhone", "otherPhone"), _PHONES),
}
"""Attribute → names in small letters that a property of an entry may have."""
_KNOWN: Final = frozenset[str]().union(*NAMES.values())


class Entry(Struct, frozen=True):
    """One entry of the audit log. `changes`: property in small letters, to the values, folded, that went and that came.

    A group's entries may list all members, before and after: what stayed isn't kept.
    """

    changed: Changed
    changes: Mapping[str, tuple[frozenset[str], frozenset[str]]]


def read_entries(body: Mapping[str, Any]) -> list[Entry] | None:
    """Entries of a page. None: it is none. Those that can't be understood are passed over."""
    entities = body.get("entities")
    if not isinstance(entities, list):
        return None
    return [entry for each in entities if (entry := _entry(each)) is not None]


def authored(
    differences: Iterable[Difference], entries: Iterable[Entry], us: str | None, at: Millis, unknown: str
) -> list[Difference]:
    """The differences of what these entries are about: a user; or one membership (`of_member`), and then that alone.

    `us`: our OAuth client; `at`: when it was looked; `unknown`: why it isn't known who did it, if no entry says so.
    """
    newest = sorted(entries, key=lambda entry: -entry.changed.at)
    return [_authored(each, newest, us, at, unknown) for each in differences]


def of_member(entries: Iterable[Entry], account: str, *, held: bool) -> list[Entry]:
    """Those of a group's entries that brought an account into it (`held`), or out of it."""
    id_ = fold(account)
    return [entry for entry in entries if any(id_ in (came if held else gone) for gone, came in entry.changes.values())]


def _authored(each: Difference, newest: list[Entry], us: str | None, at: Millis, unknown: str) -> Difference:
    if each.kind != "unknown":
        return each
    shows = ((entry, new) for entry in newest if (new := _new_values(entry, each)) is not None)
    entry, new = next(shows, (None, frozenset[str]()))
    if entry is None:
        return replace(each, reason=f"{each.reason}; {unknown}")
    if us is None or not same_id(entry.changed.client, us):
        return replace(each, kind="changed", reason="it was changed in the target", changed=entry.changed)
    if not (_shown(each.held) & new or each.attribute.startswith(GROUP)):
        return replace(each, reason=f"{each.reason}; the audit log doesn't show yet who changed it after us")
    leaver = each.attribute == "active" and each.desired is False
    if at - entry.changed.at < RECENT and not leaver and each.policy != "observe":
        return replace(each, kind="pending", reason="our own client has just written it", changed=entry.changed)
    why = "our own client wrote it: somebody else has its credentials, or a request of ours landed late"
    return replace(each, reason=why, changed=entry.changed)


def _new_values(entry: Entry, difference: Difference) -> frozenset[str] | None:
    """What came by it in the attribute. None: it doesn't show the attribute."""
    if difference.attribute.startswith(GROUP):
        return frozenset()  # these are of that membership alone
    attribute = "externalIds" if difference.attribute.startswith(EXTERNAL_ID) else difference.attribute
    named = [new for name, (_, new) in entry.changes.items() if name in NAMES.get(attribute, frozenset())]
    held = _shown(difference.held) if isinstance(difference.held, str) else frozenset()
    found = named or [new for name, (_, new) in entry.changes.items() if held & new and name not in _KNOWN]
    return frozenset().union(*found) if found else None


def _shown(value: Any) -> frozenset[str]:
    """The texts by which an entry may show a value."""
    if isinstance(value, bool):
        return frozenset({"true", "active"} if value else {"false", "inactive"})
    if isinstance(value, dict | list):
        return frozenset(fold(str(name)) for name in value)
    return frozenset() if value is None else frozenset({fold(str(value))})


def _entry(told: Any) -> Entry | None:
    if not isinstance(told, dict) or told.get("status", "SUCCESS") not in _DONE:
        return None
    at, entry = _moment(told.get("eventDate")), _text(told.get("id"))
    if at is None or entry is None:
        return None
    client, person = told.get("client"), told.get("user")
    changed = Changed(
        at,
        _text(client.get("id")) if isinstance(client, dict) else None,
        _text(person.get("id")) if isinstance(person, dict) else None,
        _text(person.get("name")) if isinstance(person, dict) else None,
        entry,
    )
    changes = told.get("propertyChanges")
    made: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for change in changes if isinstance(changes, list) else ():
        if isinstance(change, dict) and (name := _text(change.get("property"))) is not None:
            old, new = made.get(name.casefold(), (frozenset(), frozenset()))
            made[name.casefold()] = (old | _values(change.get("oldValues")), new | _values(change.get("newValues")))
    return Entry(changed, {name: (old - new, new - old) for name, (old, new) in made.items()})


def _values(told: Any) -> frozenset[str]:
    if not isinstance(told, list) or len(told) > VALUES:
        return frozenset()
    return frozenset(fold(str(value)) for value in told)


def _moment(told: Any) -> Millis | None:
    try:
        at = datetime.fromisoformat(told)
        return Millis(round(at.timestamp() * 1000)) if at.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def _text(told: Any) -> str | None:
    return told if isinstance(told, str) and 0 < len(told) <= LONGEST else None
