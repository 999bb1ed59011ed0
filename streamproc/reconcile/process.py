"""Reconcile: compares what the target holds with what is desired, for ever or once, and tells what disagrees.

It changes nothing in the target by itself: the sink does, once it has read in `scim.findings` that something is to be
repaired. Only an operator's order to deactivate an account of nobody's is carried out here (`orders.py`).
One process is enough, and two do no harm: each tells the same.
"""

from collections.abc import Callable
from typing import Final

import structlog
from msgspec import Struct

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import ConsumerRecord, Log, started
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.errors import TargetError
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.records.finding import Finding
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS, OPERATIONS
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import Dialect
from streamproc.health.decide.conditions import Trouble
from streamproc.reconcile.audit_log import AuditLog
from streamproc.reconcile.comparison import Comparison
from streamproc.reconcile.decide.known_users import KnownUsers
from streamproc.reconcile.decide.schedule import Close, PageOf, Rest, Schedule, Users
from streamproc.reconcile.finding_store import FindingStore
from streamproc.reconcile.log_follower import LogFollower
from streamproc.reconcile.orders import Orders
from streamproc.reconcile.target_reader import TargetReader
from streamproc.settings import ReconcileSettings

log = structlog.get_logger("streamproc.reconcile")

DAY: Final = 86_400_000
PATIENCE: Final = 60_000
"""Milliseconds for which somebody may be on their way before that is told."""
PATIENCE_ONCE: Final = 5_000
"""The same where somebody waits for the result."""
REST: Final = 1.0
"""Seconds after which it is looked whether an operator has ordered something."""
TROUBLE_FIRST: Final = 1.0
TROUBLE_MOST: Final = 60.0
"""Seconds until the target is asked again that gave no answer: doubling from the first to the most."""
GRACE: Final = 60.0
"""Seconds for which the target may be silent before that counts as blindness."""
LATE: Final = 3600.0
LATE_ROUNDS: Final = 3
"""Seconds, and times of `every`, that a round may take; the larger of the two counts."""
TOLD_EVERY: Final = 20
"""Slices between two lines about how far a round has come."""


class Summary(Struct, frozen=True):
    """What came of one round. `looked`: accounts that were compared, counting some twice."""

    accounts: int
    users: int
    looked: int
    requests: int
    seconds: float
    disagreements: list[Finding]
    unread: dict[str, str] = {}
    """User whose account couldn't be read → why."""


class Reconcile:
    """One process. `us`: our OAuth client's id, where it has one. `once`: one round is all."""

    def __init__(
        self,
        settings: ReconcileSettings,
        *,
        kafka: Log,
        scim: ScimHttp,
        platform: PlatformHttp | None,
        us: str | None,
        dialect: Dialect,
        clocks: Clocks,
        once: bool = False,
    ) -> None:
        self._settings = settings
        self._clocks = clocks
        self._schedule = Schedule(round(settings.every * 1000), round(settings.leavers_every * 1000))
        self._failed: str | None = None
        """Why the target gave no answer to the last question."""
        self._producer = kafka.producer()
        self._known = KnownUsers()
        self._target = TargetReader(scim, platform, dialect, RateLimiter(settings.reserve), clocks)
        self._findings = FindingStore(self._producer)
        self._comparison = Comparison(
            self._target,
            AuditLog(self._target, us),
            self._findings,
            self._known,
            self._schedule,
            clocks,
            PATIENCE_ONCE if once else PATIENCE,
            follows_up=not once,
        )
        self._orders = Orders(self._comparison)
        self._log = LogFollower(
            kafka,
            {
                OPERATIONS: self._record,
                DELIVERIES: self._delivery,
                FINDINGS: self._findings.take,
                CONTROLS: self._orders.take,
            },
        )
        self._comparison.log = self._log

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Compare until cancelled. Raises KafkaError."""
        trouble = TROUBLE_FIRST
        async with started(self._producer):
            await self._log.start()
            try:
                await self._log.refresh()
                ready()
                while True:
                    answers = self._target.answers
                    try:
                        await self._step()
                    except TargetError as error:
                        self._failed = str(error)
                        telemetry.RECONCILE_FAILED.set(1)
                        log.warning("the target gives no answers to compare with", why=str(error), again_in_s=trouble)
                        await self._clocks.pause(trouble)
                        trouble = min(TROUBLE_MOST, 2 * trouble)
                    if self._target.answers > answers:
                        self._failed = None
                        telemetry.RECONCILE_FAILED.set(0)
                        trouble = TROUBLE_FIRST
            finally:
                await self._log.stop()

    async def once(self, user: str | None = None, say: Callable[[str], None] = lambda _: None) -> Summary:
        """One round over everybody, or a look at one user. Raises TargetError, KafkaError."""
        begun = self._clocks.ticks()
        async with started(self._producer):
            await self._log.start()
            try:
                say("reading what is desired and what was delivered ...")
                await self._log.refresh()
                if user is None:
                    await self._round(say)
                else:
                    await self._comparison.find_groups()
                    self._schedule.again(user, self._comparison.now())
                await self._settle()
            finally:
                await self._log.stop()
        told = self._findings.disagreements()
        return Summary(
            self._schedule.seen,
            len(self._known),
            self._comparison.looks,
            self._target.requests,
            round(self._clocks.ticks() - begun, 3),
            [each for each in told if user is None or each.user == user],
            dict(self._comparison.unread),
        )

    def knows(self, user: str) -> bool:
        """Whether there is a record of somebody, as far as was read."""
        return self._known.get(user) is not None

    async def _round(self, say: Callable[[str], None]) -> None:
        slices = 0
        while self._schedule.rounds == 0:
            await self._step()
            slices += 1
            if slices % TOLD_EVERY == 0:
                told = len(self._findings.disagreements())
                say(f"{self._schedule.seen} accounts of about {len(self._known)}; {told} disagree so far ...")

    async def _settle(self) -> None:
        """Look again at whom that was put off for, until nobody is."""
        while (at := self._schedule.next_again) is not None:
            await self._clocks.pause(max(0.0, (at - self._comparison.now()) / 1000))
            due = self._schedule.due(self._comparison.now())
            await self._comparison.look(due)

    async def _step(self) -> None:
        """One slice. Raises TargetError."""
        now = self._comparison.now()
        await self._orders.carry_out()
        leavers = self._known.leavers(Millis(round(now - self._settings.leavers_days * DAY)))
        before = self._schedule.begun
        wanted = self._schedule.next(leavers, now)
        if self._schedule.begun != before:
            await self._comparison.find_groups()
        match wanted:
            case Users(users, why):
                if why == "unseen":
                    self._schedule.taken(users)  # whoever can't be read comes back by themselves
                await self._comparison.look(users)
            case PageOf():
                await self._comparison.page(wanted)
                if self._schedule.read_all:
                    self._comparison.unseen()
            case Close():
                await self._comparison.close(self._orders.certain)
                telemetry.RECONCILE_ROUND.set(self._clocks.clock())
                log.info("a round is over", accounts=self._schedule.seen, requests=self._target.requests)
            case Rest(until):
                await self._clocks.pause(min(REST, max(0.0, (until - now) / 1000)))
                await self._comparison.refresh()

    def troubles(self) -> list[Trouble]:
        """What is wrong now."""
        told: list[Trouble] = []
        if self._failed is not None:
            reason = f"nothing can be compared: {self._failed}. Look at the target's settings and the client's rights"
            told.append(Trouble("target", "reconcile", "blind", reason, GRACE))
        late = max(LATE, LATE_ROUNDS * self._settings.every) * 1000
        begun = self._schedule.begun
        if begun is not None and self._schedule.under_way and self._comparison.now() - begun > late:
            reason = (
                "a round over all accounts takes too long. Is the target slow, or its rate limit used up by others?"
            )
            told.append(Trouble("slow_round", "reconcile", "blind", reason))
        return told

    def measure(self) -> None:
        """Set the gauges."""
        telemetry.DISAGREES.clear()
        for finding in self._findings.disagreements():
            for kind in {each.kind for each in finding.differences}:
                telemetry.DISAGREES.labels(kind).inc()

    def _record(self, record: ConsumerRecord) -> None:
        self._known.take_record(record.offset, record.value)

    def _delivery(self, record: ConsumerRecord) -> None:
        self._known.take_delivery(record.value)
