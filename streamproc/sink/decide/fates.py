"""Fates: how a turn is told: lines of the outcomes log on the way, and in the end its delivery and its fates."""

from typing import Final

import orjson
from msgspec.structs import replace

from streamproc.core.records.control import WAITING
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.outcome import Fate, Outcome, Request
from streamproc.core.records.resource import IF_OWNED, owned, withheld
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.decide.attempts import Told
from streamproc.sink.decide.loops import with_told
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.seeding import seeded
from streamproc.sink.decide.steps import Finish

LINE: Final = 700_000
"""Bytes of a line of the outcomes log, from which on its requests are told in several."""
HOLDS: Final = 16
"""Of how many requests of a turn it is told what the target holds from then on, where there are more of them."""
ASIDE: Final = 100_000
"""Characters in which it is told what was set aside, attribute by attribute."""
REGRESSED = "an earlier change is missing from this record's history"


def attempt(progress: Progress, told: Told, clock: Millis) -> Outcome:
    """A line about the newest work that isn't its fate. `clock`: ms since 1970."""
    record, requests = progress.record, [] if told.request is None else [told.request]
    return Outcome(
        user=progress.user,
        seq=record.seq,
        verdict=told.verdict,
        final=False,
        at=clock,
        effect=record.effect,
        cause=progress.turn.work.cause,
        operations=[],
        requests=requests,
        reason=told.reason,
    )


def finish(progress: Progress, clock: Millis, parked: Parked | None = None) -> Finish:
    """Its delivery, and the fates of all that it stands for. `parked`: the whole turn is set aside."""
    if parked is None and progress.turn.work.regressed:
        parked = progress.as_parked("regressed", REGRESSED, clock)  # a leaver is let through, and stays parked
    progress = progress if progress.leaver else with_told(progress, clock)
    parked = parked or _sum_of_aside(progress)
    known, record = bool(progress.id) and not progress.claimed, progress.record
    kept = progress.spelled.keys() - (IF_OWNED - record.desired.keys())
    state = DeliveredState(
        user=progress.user,
        seq=record.seq,
        id=progress.id,
        etag=progress.etag,
        held=owned(progress.held, record.desired) if known and progress.held is not None else None,
        parked=parked,
        at=clock,
        standing=progress.standing if progress.leaver else None,
        spelled={name: str(value) for name, value in progress.spelled.items() if name in kept},
        rounds=dict(progress.loops.rounds),
        frozen=dict(progress.loops.frozen),
        let_go=progress.loops.let_go,
        seeded=sorted(seeded(progress) if progress.id else progress.seeded.names),
    )
    return Finish(state, _outcomes(progress, clock, parked))


def _sum_of_aside(progress: Progress) -> Parked | None:
    """What was set aside, as one. What will be tried again by itself decides the code."""
    if not progress.aside:
        return None
    every = progress.aside.values()
    first = next((parked for parked in every if parked.code in WAITING), next(iter(every)))
    room, reasons = ASIDE, dict[str, str]()
    for name, parked in sorted(progress.aside.items()):
        if (room := room - len(name) - len(parked.told)) < 0:
            first = replace(first, reason=f"{first.reason} (and {len(progress.aside) - len(reasons)} more attributes)")
            break
        reasons[name] = parked.told
    holder = next((parked.holder for parked in every if parked.holder), None)
    return replace(first, attributes=reasons, desired=progress.record.desired, holder=holder)


def lines(outcome: Outcome) -> list[bytes]:
    """As it is written. What a turn has cost in requests may be more than a record of the log can hold."""
    outcome = replace(outcome, requests=_thinned(outcome.requests))
    line, requests = orjson.dumps(outcome), outcome.requests
    if len(line) <= LINE or not requests:
        return [line]
    if len(requests) == 1:
        (request,) = requests
        return [line] if request.body is None else lines(replace(outcome, requests=[replace(request, body=None)]))
    half, reason = len(requests) // 2, "goes on in the next line"
    before = replace(
        outcome,
        verdict="retry",
        final=False,
        operations=[],
        requests=requests[:half],
        reason=reason,
        acknowledged=None,
        read_back=None,
        sessions_ended=None,
    )
    return [*lines(before), *lines(replace(outcome, requests=requests[half:]))]


def _thinned(requests: list[Request]) -> list[Request]:
    """A hundred groups are as many requests, and all that the target holds would be told as many times."""
    telling = [number for number, request in enumerate(requests) if request.holds is not None]
    if len(telling) <= HOLDS:
        return requests
    told = {telling[-1], *telling[:: -(-len(telling) // (HOLDS - 1))]}
    return [
        request if request.holds is None or number in told else replace(request, holds=None)
        for number, request in enumerate(requests)
    ]


def _outcomes(progress: Progress, clock: Millis, parked: Parked | None) -> list[Outcome]:
    record, work = progress.record, progress.turn.work
    outcomes = [
        _superseded(progress.user, older.record.seq, older.record.effect, older.record.cause, older.gap, clock)
        for _, older in progress.turn.superseded
        if not older.told
    ]
    if work.gap is not None:
        outcomes.append(_superseded(progress.user, record.prev, "unknown", None, work.gap, clock))
    fate = Outcome(
        user=progress.user,
        seq=record.seq,
        verdict=_fate(progress, parked),
        final=not work.told,
        at=clock,
        effect=record.effect,
        cause=work.cause,
        operations=list(progress.operations),
        requests=list(progress.requests),
        reason=parked.reason if parked else "; ".join([*withheld(record.desired), *record.problems]) or None,
        acknowledged=progress.acknowledged,
        read_back=progress.read_back,
        sessions_ended=progress.sessions_ended,
    )
    return [*outcomes, fate]


def _superseded(user: str, seq: int, effect: str, cause: Cause | None, since: int | None, clock: Millis) -> Outcome:
    return Outcome(user, seq, "superseded", True, clock, effect, cause, [], [], None, since)


def _fate(progress: Progress, parked: Parked | None) -> Fate:
    # The sink before us may have delivered it, and died before it could say so.
    delivered = progress.wrote or (progress.looked and progress.record.planned and parked is None)
    if parked is not None:
        entire = not parked.attributes or not delivered
        if progress.turn.work.regressed and parked.code == "regressed" and delivered and progress.leaver:
            entire = False  # the leaver of a parked user was let through
        if entire:
            return "held" if parked.code == "held" else "parked"
    if not delivered:
        return "no-op"
    return "revoked" if progress.read_back is not None else "delivered"
