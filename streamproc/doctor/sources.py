"""The sources: do their directories take our credentials, do they tell us of changes, and when did they last?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from yarl import URL

from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.core.records.topic_names import events_topic, intake_topic, notifications_topic
from streamproc.doctor.line import Line
from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.hook import Hook
from streamproc.topics import TOPICS

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""Asked for where nobody of a source is known: that it doesn't know them is an answer, too."""
LATE: Final = 3
"""Times that the seconds between two rounds may pass without one."""
HOUR: Final = 3600.0
NOT_SHOWN: Final = frozenset({401, 403, 404, 405, 501})
"""Statuses by which a source may say that our token doesn't show us its hooks."""


@runtime_checkable
class Telling(Protocol):
    """A directory that shows where it sends what has changed."""

    async def hooks(self) -> list[Hook]:
        """All. Raises DirectoryError."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What is configured of a source."""

    name: str
    door: bool
    """The gateway takes its hooks."""
    fetched: bool
    """Its hooks may say only that somebody changed, and then a directory has to be asked."""
    asked: bool = True
    """A directory of it is configured."""
    sync_every: float = 0.0
    """Seconds; 0: nobody synchronises."""
    subscription: str = ""
    """Where Graph's notifications are to go."""


def plan(source: Configured) -> Iterator[Line]:
    """What can be seen in the settings alone."""
    if source.door and source.fetched and not source.asked:
        text = "its hooks may name somebody without saying more, and no directory is configured that could be asked"
        do = f"set what begins with STREAMPROC_{source.name.upper()}_ for its API, and run the hydrator"
        yield Line("error", "sources", source.name, text, do)
    if source.asked and not source.door and not source.sync_every:
        text = "nothing tells of its changes: it has no hook here, and it isn't synchronised"
        do = f"set its hook's secret, or STREAMPROC_{source.name.upper()}_SYNC_EVERY"
        yield Line("error", "sources", source.name, text, do)


async def answering(source: Configured, directory: Directory, subject: str) -> list[Line]:
    """Whether it takes our credentials, asked about one subject."""
    try:
        read = await directory.read(subject or NOBODY)
    except DirectoryError as error:
        if error.status is None or error.status in {401, 403}:
            do = f"see what begins with STREAMPROC_{source.name.upper()}_: address, credentials, and what they may read"
            return [Line("error", "sources", source.name, f"can't be asked: {error}", do)]
        if subject:
            text = f"has no usable answer about somebody whom it told us of: {error}"
            return [Line("warning", "sources", source.name, text, "see what the credentials may read")]
        return [Line("ok", "sources", source.name, f"answers ({error})")]
    if read.missed:
        return [Line("warning", "sources", source.name, f"answers, but not all: {read.missed}", _MAY_READ)]
    return [Line("ok", "sources", source.name, "answers")]


_MAY_READ: Final = "let the credentials read it, or do without that part"


async def telling(source: Configured, directory: Telling) -> list[Line]:
    """Whether it sends its changes to our gateway."""
    about = f"hook of {source.name}"
    try:
        hooks = await directory.hooks()
    except DirectoryError as error:
        if error.status in NOT_SHOWN:
            return [Line("ok", "sources", about, f"isn't shown to our token ({error.status})")]
        return [Line("warning", "sources", about, f"couldn't be looked at: {error}")]
    return list(judged(source, hooks))


def judged(source: Configured, hooks: Iterable[Hook]) -> Iterator[Line]:
    """Whether one of the hooks goes to our gateway, and works."""
    about, path = f"hook of {source.name}", f"/v1/{source.name}"
    ours = [hook for hook in hooks if _goes_to(hook.url, source.subscription or path)]
    if any(not hook.wrong for hook in ours):
        ends = next((f" until {hook.ends}" for hook in ours if hook.ends and not hook.wrong), "")
        yield Line("ok", "sources", about, f"goes to {ours[0].url}{ends}")
    elif ours:
        do = f"let {source.name} send to it again; changes are seen at the next synchronisation alone"
        yield Line("error", "sources", about, f"to {ours[0].url} doesn't work: {ours[0].wrong}", do)
    elif source.subscription:
        text = f"there is no subscription to {source.subscription}, or it has ended"
        do = "run the hydrator: it makes one, if Graph reaches the gateway at that address"
        yield Line("error", "sources", about, text, do)
    else:
        text = f"none of its hooks goes to an address that ends with {path}"
        do = f"have {source.name} send its changes to the gateway"
        yield Line("warning", "sources", about, text, do)


def _goes_to(url: str, place: str) -> bool:
    """`place`: an address, or the end of a path."""
    if "://" in place:
        return url == place
    try:
        return URL(url).path.rstrip("/").endswith(place)
    except ValueError:
        return False


def topics_of(source: str) -> list[str]:
    """Where its input comes."""
    return list(dict.fromkeys((events_topic(source), intake_topic(source), notifications_topic(source))))


def is_shown(source: Configured, newest: Mapping[str, Sequence[ConsumerRecord]]) -> bool:
    """Whether we may see all that comes of it: else nothing can be said of when it last came."""
    known = {topic.name for topic in TOPICS}
    return all(name in newest for name in topics_of(source.name) if name in known)


def last_event(source: Configured, newest: Mapping[str, Sequence[ConsumerRecord]], now: float) -> Line:
    """When something last came of it. `now`: seconds since 1970."""
    about = f"events of {source.name}"
    times = [record.timestamp / 1000 for name in topics_of(source.name) for record in newest.get(name, ())]
    if not times:
        do = "see whether it sends: its hook, its credentials, its producer"
        return Line("warning", "sources", about, "none is in Kafka", do)
    return Line("ok", "sources", about, f"the last one came {_ago(now - max(times))}")


def last_produced(name: str, newest: Mapping[str, Sequence[ConsumerRecord]], now: float) -> Iterator[Line]:
    """When something last came of a source that only outside producers write; nothing where none ever did."""
    if records := newest.get(events_topic(name)):
        text = f"the last one of a producer's came {_ago(now - max(each.timestamp for each in records) / 1000)}"
        yield Line("ok", "sources", f"events of {name}", text)


def last_sync(source: Configured, synchronised: Mapping[str, float], now: float) -> Iterator[Line]:
    """When its synchronisation last came further. `now`: seconds since 1970."""
    about = f"synchronisation of {source.name}"
    if not source.sync_every:
        return
    do = "see the hydrator's log: is one running, and what does it say of this source?"
    last = synchronised.get(source.name)
    if last is None:
        yield Line("warning", "sources", about, "there was none yet", do)
    elif now - last > max(LATE * source.sync_every, HOUR):
        yield Line("warning", "sources", about, f"came further {_ago(now - last)}, and not since", do)
    else:
        yield Line("ok", "sources", about, f"came further {_ago(now - last)}")


def newest_subject(source: str, newest: Mapping[str, Sequence[ConsumerRecord]]) -> str:
    """Of whom it told last; "" where it isn't known."""
    told = (intake_topic(source), notifications_topic(source))  # whom outside producers name, nobody need know
    records = [record for name in told for record in newest.get(name, ()) if record.key]
    newest_record = max(records, key=lambda record: record.timestamp, default=None)
    return "" if newest_record is None else bytes(newest_record.key).decode(errors="replace")


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            many = int(seconds // length)
            return f"{many} {unit}{'s' if many > 1 else ''} ago"
    return "less than a minute ago"


def keys(answer: Any, location: str) -> Line:
    """The keys of a Security Event Tokens' issuer."""
    listed = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not listed:
        do = "STREAMPROC_SET_JWKS is the address of the issuer's JSON Web Key Set"
        return Line("error", "sources", "keys of set", f"{location} has none", do)
    return Line("ok", "sources", "keys of set", f"{len(listed)} at {location}")
