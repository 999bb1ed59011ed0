"""All that was said and ordered → what has to be true of each user at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.mappings import OUT
from tests.simulation.oracle.accounts import SOURCE, Account
from tests.simulation.oracle.people import people
from tests.simulation.oracle.rules import AUTHORITY, RELEASING, SCOPED, desired, in_scope, suspended
from tests.simulation.oracle.words import FACTS, facts, word_of

BEGIN: Final = 1_772_582_400.0
"""s since 1970 when the steps' `at` is 0."""
COMING: Final = 10.0
"""Virtual seconds after a date in which it may not have been acted on."""
HR: Final = "hris"
OKTA: Final = "okta"
ORDER: Final = {"userName": [OKTA, SOURCE, HR]}
"""Of a fact → sources, the first that has a value counts; of others by their names."""
BY_NAME: Final = [SOURCE, HR, OKTA]


@dataclass(slots=True)
class Expected:
    """What has to be true of one user."""

    active: bool | None
    """Who is not active may also be nobody in the target. None: nothing is demanded."""
    never: bool = False
    """The target may have nobody of that name."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """What an active user has to hold; of attributes that aren't here nothing is demanded."""


def expected(
    steps: Sequence[Mapping[str, Any]],
    end: float,
    *,
    mapping: str = "default",
    appended: Mapping[int, float] | None = None,
    arrived: Sequence[int] | None = None,
) -> dict[str, Expected]:
    """By user, what has to be true `end` virtual seconds after the beginning.

    `mapping`: the one at the beginning. `appended`: number of a step → virtual seconds when the broker had it, where
    that isn't when it was said. `arrived`: numbers of the steps about accounts (what a directory says, what is ordered
    of it) in the order in which they came to be in one line, where that isn't their own.
    """
    had = appended or {}
    mappings = [mapping, *(step["mapping"] for step in steps if step["kind"] == "mapping")]
    words: dict[str, list[dict[str, Any]]] = {}
    for number, step in enumerate(steps):
        if step["kind"] == "say" and step["topic"] == "events.hris":
            word = word_of(step["value"], BEGIN + had.get(number, step["at"]))
            if word is not None:
                words.setdefault(step["value"]["subject"], []).append(word)
    accounts = _accounts(steps, range(len(steps)) if arrived is None else arrived, had)
    in_directories = people(steps)
    users = words.keys() | in_directories.keys() | {owner for account in accounts.values() for owner in account.owners}
    kept_in = {step.get("user") for step in steps if step["kind"] == "order" and step["action"] == "reject"}
    given_up = {step.get("user") for step in steps if step["kind"] == "order" and step["action"] == "skip"}
    found = {
        user: _of(user, words.get(user), accounts, in_directories.get(user, {}), mappings, BEGIN + end)
        for user in sorted(users)
    }
    for user, wanted in found.items():
        dates = [word["from"] - BEGIN for word in words.get(user, ()) if word["from"] is not None]
        if any(end - COMING < date < end + 1.0 for date in dates):
            wanted.active, wanted.never = None, False
        if wanted.active is False and not wanted.never and not kept_in.isdisjoint({user, None}):
            wanted.active = None
        if not wanted.never and not given_up.isdisjoint({user, None}):
            wanted.active = None  # until their next change nothing of what was set aside is tried again
        manager = found.get(wanted.attributes.get("manager") or "")
        if manager is not None and manager.active is None and not RELEASING.isdisjoint(mappings):
            del wanted.attributes["manager"]  # who was released is nobody's
    return found


def _accounts(
    steps: Sequence[Mapping[str, Any]], arrived: Sequence[int], had: Mapping[int, float]
) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    for number in arrived:
        step = steps[number]
        if step["kind"] == "say" and step["topic"] == f"events.{SOURCE}":
            accounts.setdefault(step["value"]["id"], Account()).record(step["value"], had.get(number, step["at"]))
        elif step["kind"] == "order" and step["action"] in {"link", "split"}:
            subject = step["subject"].removeprefix(f"{SOURCE}/")
            accounts.setdefault(subject, Account()).order(step["user"] if step["action"] == "link" else None)
    return accounts


def _of(
    user: str,
    words: list[dict[str, Any]] | None,
    accounts: Mapping[str, Account],
    shown: Mapping[str, dict[str, Any] | None],
    mappings: Sequence[str],
    now: float,
) -> Expected:
    mapping = mappings[-1]
    theirs = [each for each in accounts.values() if user in each.owners]
    sources: dict[str, dict[str, Any]] = {} if words is None else {HR: facts(words, now)}
    for account in theirs:
        if account.owner == user and account.says is not None:
            sources[SOURCE] = account.says
    sources |= {source: {"active": False} if says is None else says for source, says in shown.items()}
    left = any(account.owner != user for account in theirs)
    denied_by_left = any(account.denied.get(user, False) for account in theirs if account.owner != user)
    voices = AUTHORITY.get(mapping, {}).get("active", BY_NAME)
    speaking = [sources[each]["active"] for each in voices if "active" in sources.get(each, ())]
    active = next((each for each in speaking if each is not None), None)
    if False in speaking or (denied_by_left and SOURCE in voices) or (active is None and left):
        active = False
    if len(theirs) > 1 or any(each.unclear for each in theirs) or {} in shown.values():  # not worked out here
        return Expected(False if sources.get(HR, {}).get("active") is False else None)
    if None in shown.values() and active:
        return Expected(None)  # what is left of what a directory said that has removed somebody isn't worked out here
    known = _together(sources, mapping)
    if left:
        known = dict.fromkeys(FACTS) | known  # what an account said of somebody whose it was has no value now
    here = in_scope(mapping, known)
    if active and here is False and not RELEASING.isdisjoint(mappings):
        # Released, or left before: they may keep what they have.
        return Expected(None, never=not shown and _never(words, theirs, mappings))
    if active is not None and (active is False or here is False or suspended(mapping, known)):
        return Expected(False, never=not shown and _never(words, theirs, mappings))
    if None in (active, known.get("userName"), known.get("displayName")) or here is None:
        forgotten = bool(theirs or shown) or any(word["cancels"] for word in words or ())
        return Expected(None, never=not forgotten and here is not None)  # too little is known to let somebody in
    return Expected(True, attributes=desired(mapping, known))


def _together(sources: Mapping[str, dict[str, Any]], mapping: str) -> dict[str, Any]:
    """Each fact from the first source that has a value. Of what only sources without a say speak nothing is known."""
    known: dict[str, Any] = {}
    for name in {name for said in sources.values() for name in said}:
        order = AUTHORITY.get(mapping, {}).get(name, ORDER.get(name, BY_NAME))
        said = [sources[each][name] for each in order if name in sources.get(each, ())]
        if said:
            known[name] = next((value for value in said if value is not None), None)
    return known


def _never(words: list[dict[str, Any]] | None, theirs: Sequence[Account], mappings: Sequence[str]) -> bool:
    """Whether they can't ever have been in scope."""
    if theirs or not SCOPED.issuperset(mappings):
        return False
    departments = {word["says"].get("department", OUT) for word in words or ()}
    return departments == {OUT}
