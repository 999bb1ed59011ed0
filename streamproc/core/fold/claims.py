"""Claims: that a subject is this user is what its source says, and two subjects of one source may say it of themselves.

Whoever may edit the attribute that is the anchor could otherwise take somebody's login, or their access, by writing
their number. So of each source the first that is active as this user is the user, and another is held.

Rule 1: who is active as this user beside an active one of the same source is held, and so is who comes, or has never
been active here, and would take access from the one who is. So neither the first one's login nor access is lost.
Rule 2: what is held gives nothing, takes nothing and is kept as a name alone, with whether it says that it is active.
A no while the user is active is told as a leaving that isn't carried out. Its link has all that it says.
Rule 3: it stays held when the first one is disabled, deleted or leaves: an operator's `link` ends that, and the source,
by naming another user for it; where it names this one again, it is held again, whoever is active by then.
Rule 4: who comes when the first one isn't active any more isn't held, but stands behind them, and counts for nothing
until the first is made up for (`authority.py`, rule 3) or has been split off; then they succeed. An account that was
made, by its source's word, after the first was last known to be active stands behind it, too: that the first was
deleted may be heard late. It may be disabled meanwhile, as accounts are, and stays behind. If the first is active
again, or still, or leaves while it is, who stands behind is held.
Rule 5: of sources in which several subjects may be one person, by the mapping, nobody is held; nor is whoever an
operator has linked.
Rule 6: a user has at most `MOST` subjects of one source. Who comes then is held, and not even the name is kept.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from streamproc.core.fold.authority import AMBIGUOUS, key, made_after, not_outlasted
from streamproc.core.fold.effective_dating import as_of, began, was_active
from streamproc.core.fold.facts import Effect, absorb
from streamproc.core.fold.mapping_file import MappingFile
from streamproc.core.records.change_event import ChangeEvent, Fact, SourceFacts, Standing
from streamproc.core.records.fact_names import ACCOUNTS
from streamproc.core.records.units import Millis

MOST: Final = 32
"""Subjects of one source."""
WAITING: Final = 3
"""Of these, accounts that wait until it is heard that those before them were deleted."""
STALE: Final[Effect] = "stale"
_MARKS: Final = (b'"standing":"held"', b'"standing":"behind"')
"""In an encoded record of each that is ambiguous. Quotes within text are escaped."""


def hear(
    facts: dict[str, SourceFacts],
    event: ChangeEvent,
    file: MappingFile,
    wanted: Collection[str] | None,
    was: Millis,
    now: Millis,
) -> tuple[dict[str, SourceFacts], Effect]:
    """The facts of a user, by SOURCE/SUBJECT, after an event of one of them. `was`, `now`: ms since 1970, until then
    and from then on. `wanted`: as of `absorb`.
    """
    subject = key(event.source, event.subject)
    known, after, effect = facts.get(subject), dict(facts), STALE
    if known is None or known.standing != "held" or event.move is not None:
        after[subject], effect = absorb(known, event, wanted)
    elif not event.ahead and isinstance(access := event.attributes.get(file.attributes.active), bool):
        after[subject] = replace(known, values={file.attributes.active: access})
    return settled(facts, after, file, was, now), effect


def settled(
    before: Mapping[str, SourceFacts],
    after: dict[str, SourceFacts],
    file: MappingFile,
    was: Millis,
    now: Millis,
) -> dict[str, SourceFacts]:
    """The facts with who is held from here on. They were `before` until the moment `was`, and are `after` at `now`."""
    if len(after) == 1 or len(set(map(_source, after))) == len(after):
        return after  # most users have one subject of each source
    counts = Counter(map(_source, after))
    for source, count in counts.items():
        ours = {name: each for name, each in after.items() if _source(name) == source}
        if count == 1 or source in file.claims.several:
            continue
        here = {name: each for name, each in ours.items() if _counts(each)}
        counted = {name: each for name, each in before.items() if _source(name) == source and _counts(each)}
        left = {name for name in before if before[name].left}
        gone = {name for name, each in ours.items() if each.left} - left
        for name, standing in _placed(counted, here, gone, file, was, now, source).items():
            each = after[name]
            if standing == "held":
                access = as_of(each, now)[0].get(file.attributes.active)
                said: dict[str, Fact] = {file.attributes.active: access} if isinstance(access, bool) else {}
                after[name] = SourceFacts(each.subject, each.origin, values=said, left=each.left, standing="held")
            elif each.standing != standing:
                after[name] = replace(each, standing=standing)
    for name in after.keys() - before.keys():
        if counts[_source(name)] > MOST and after[name].standing != "confirmed":
            del after[name]  # whoever comes now, or comes and goes, is held without being kept
    return after


def ambiguous(facts: SourceFacts) -> bool:
    """Whether it also says that it is the user, and isn't, as far as is known."""
    return facts.standing in AMBIGUOUS and not facts.left


def may_be_ambiguous(record: bytes) -> bool:
    """Whether somebody in an encoded record may be. Of most nobody is, and they needn't be decoded."""
    return any(mark in record for mark in _MARKS)


def reheard(known: Mapping[str, SourceFacts], anew: Mapping[str, SourceFacts]) -> dict[str, SourceFacts]:
    """What was heard anew of other facts, where it stands as it stood."""
    held = {name: facts for name, facts in known.items() if facts.standing == "held"}
    standing = {
        name: replace(facts, standing=known[name].standing)
        for name, facts in anew.items()
        if name in known and name not in held
    }
    return standing | held


def problems(facts: Mapping[str, SourceFacts], now: Millis, file: MappingFile) -> list[str]:
    """What an operator should look at (now: ms since 1970), without a name: of each source, how many are held; and
    several that are active as this user and aren't, since they were so before anybody was held.
    """
    if len(set(map(_source, facts))) == len(facts):
        return []
    told: list[str] = []
    for source, count in sorted(Counter(map(_source, facts)).items()):
        ours = [each for name, each in facts.items() if _source(name) == source]
        if held := sum(each.standing == "held" and not each.left for each in ours):
            who = "another subject is" if held == 1 else f"{held} other subjects are"
            told.append(f"{source}: ambiguous: {who} held who also would be this user: see streamproc identities list")
        if any(each.standing == "behind" and not each.left for each in ours):
            told.append(f"{source}: ambiguous: a newer subject waits behind the first: see streamproc identities list")
        if count >= MOST:
            told.append(f"{source}: ambiguous: {count} subjects have been this user; whoever comes now is held")
        active = sum(_counts(each) and each.standing == "" and _stands(each, file, now) for each in ours)
        if active > 1 and source not in file.claims.several:
            told.append(f"{source}: more than one active subject is this user; are they one person?")
    return told


def _placed(
    before: Mapping[str, SourceFacts],
    here: Mapping[str, SourceFacts],
    gone: Collection[str],
    file: MappingFile,
    was: Millis,
    now: Millis,
    source: str,
) -> dict[str, Standing]:
    """How those of one source stand from here on, where that is decided now. `before`, `here`: those that count, until
    now and now. `gone`: who leaves now; only who was this user leaves a denial behind.
    """
    accounts = source in ACCOUNTS
    stood = {name for name, each in before.items() if _stands(each, file, was)}
    ended = {name for name, each in before.items() if _denies(each, file, was, accounts=accounts)}
    behind = {name for name, each in before.items() if each.standing == "behind"}
    confirmed = {name for name, each in (*before.items(), *here.items()) if each.standing == "confirmed"}
    first = (stood | not_outlasted(before, ended, stood, was, accounts=accounts) | confirmed) - behind
    standing = {name for name, each in here.items() if _stands(each, file, now)}
    denying = {name for name, each in here.items() if _denies(each, file, now, accounts=accounts)}
    seated = (first & standing) or (stood & standing)
    if not seated and len(standing) == 1:
        seated = standing
    placed: dict[str, Standing] = {}
    abandoned = bool(stood & first & set(gone))  # who was active has left: nobody inherits that
    alone = len(seated - first) == 1
    for name in (seated - first) | (behind & seated):  # rule 4
        blocked = not alone or not_outlasted(here, first & denying, {name}, now, accounts=accounts)
        placed[name] = "held" if abandoned and name in behind else "behind" if blocked else ""

    def newer(name: str) -> bool:
        made = accounts and began(here[name], now) is not None
        return made and all(made_after(here[name], here[each], now) for each in seated & first)

    for name in standing - seated - confirmed:
        waits = name in behind or (name not in before and len(behind) < WAITING)
        placed[name] = "behind" if waits and newer(name) else "held"
    for name in denying - first:
        over, going = ({name}, seated) if seated else (first & denying, {name})
        if not_outlasted(here, over, going, now, accounts=accounts):
            placed[name] = "behind" if name in behind and (not seated or newer(name)) else "held"
    return placed | (dict.fromkeys(set(gone) - first, "held") if first or seated else {})


def _counts(facts: SourceFacts) -> bool:
    return not facts.left and facts.standing != "held"


def _stands(facts: SourceFacts, file: MappingFile, now: Millis) -> bool:
    """Whether it is active; or was, and what it says now can't be told."""
    active = as_of(facts, now)[0].get(file.attributes.active)
    return active is True or (active is None and facts.vouched is not None)


def _denies(facts: SourceFacts, file: MappingFile, now: Millis, *, accounts: bool) -> bool:
    """Whether it says no, and isn't one that never was active."""
    no = as_of(facts, now)[0].get(file.attributes.active) is False
    return no and was_active(facts, now, accounts=accounts)


def _source(name: str) -> str:
    return name[: name.index("/")]
