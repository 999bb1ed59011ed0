"""Comparison: looks at accounts, and tells where they differ from what the log desires.

A page may be older than what it shows, and shows a part. So what seems to differ on one is read again at its id, after
the log was read, and compared with what the log says after that: then nothing differs that the sink has only just
written, or that changed meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.core.errors import TargetError
from streamproc.core.fold.plan import is_left_alone
from streamproc.core.records.finding import Finding, account_key
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import id_key
from streamproc.reconcile.audit_log import AuditLog
from streamproc.reconcile.decide.classify import KnownUser, View, compare, is_incident
from streamproc.reconcile.decide.known_users import KnownUsers
from streamproc.reconcile.decide.next_finding import as_before, is_repaired, is_told
from streamproc.reconcile.decide.pages import asked
from streamproc.reconcile.decide.schedule import PageOf, Schedule
from streamproc.reconcile.decide.strangers import Orphan, Stranger, Strays, TheirAccount, orphaned, stranger, whose
from streamproc.reconcile.finding_store import FindingStore
from streamproc.reconcile.groups import Groups
from streamproc.reconcile.log_follower import LogFollower
from streamproc.reconcile.target_reader import TargetReader, Unread

log = structlog.get_logger("streamproc.reconcile")

SOON: Final = 2_000
"""Milliseconds until somebody is looked at again of whom something changed during the look."""
AGAIN_FIRST: Final = 3_000
AGAIN_MOST: Final = 600_000
"""The same where something is to be repaired, or on its way: doubling from the first to the most."""
BACKLOG: Final = 1_000
"""Users on their way from which on none of them is told by name: the sink's own metrics tell how far it is."""


class Comparison:
    """Of one process. `patience`: ms for which somebody may be on their way before that is told.
    `follows_up`: what is to be repaired is looked at again soon, and not only in the next round.
    """

    def __init__(
        self,
        target: TargetReader,
        audit: AuditLog,
        findings: FindingStore,
        known: KnownUsers,
        schedule: Schedule,
        clocks: Clocks,
        patience: int,
        *,
        follows_up: bool = True,
    ) -> None:
        self.known = known
        self.target = target
        self.findings = findings
        self._audit = audit
        self._schedule = schedule
        self._clocks = clocks
        self._patience = patience
        self._follows_up = follows_up
        self.log: LogFollower | None = None
        """Fills `known`; it is given after both were made."""
        self._groups = Groups(target)
        self._behind: dict[str, tuple[int, Millis]] = {}
        """User of whom something is on its way → seq of that, and since when that was seen."""
        self._times: dict[str, int] = {}
        """User of whom something disagrees → times in a row that it was found."""
        self._strays = Strays()
        self._gone: set[str] = set()
        """Accounts that aren't there any more, their ids in one case."""
        self._before: dict[str, Stranger] = {}
        self._strangers: dict[str, Stranger] = {}
        """Accounts of the round before, and of this one, that are nobody's as far as is known."""
        self.unread: dict[str, str] = {}
        """Users whose account couldn't be read, and why."""
        self.looks = 0
        """Accounts that were compared."""

    def now(self) -> Millis:
        """Milliseconds since 1970."""
        return self._clocks.millis()

    async def refresh(self) -> None:
        """Read what the log says now."""
        assert self.log is not None
        await self.log.refresh()

    async def find_groups(self) -> None:
        """Look up groups that anybody is to be in, or was put into."""
        await self._groups.look_up(self.known.groups, self.now())

    async def page(self, wanted: PageOf) -> None:
        """Compare the accounts of a page. Raises TargetError."""
        attributes = asked(self.known.attributes, self.target.dialect)
        page = await self.target.page(wanted, attributes)
        await self.refresh()
        view = View(self.target.dialect, self._groups.names, attributes)
        doubtful: list[str] = []
        for account, body in page.accounts.items():
            self._gone.discard(id_key(account))
            user = self.known.owner_of(account)
            if user is None:
                user = self._met(stranger(account, body))
            known = None if user is None else self.known.get(user)
            if user is None or known is None:
                continue
            differences = compare(known, body, view)
            if known.behind:
                doubtful += [user] if differences and not self._wait(known) else []
                continue
            self._behind.pop(user, None)
            if not is_told(self.findings.newest(user), differences):
                doubtful.append(user)
        self._count(len(page.accounts), "page")
        self._schedule.shown(wanted, page)
        await self.look(doubtful)

    async def look(self, users: Sequence[str]) -> None:
        """Compare users, each read at their account's id. Nobody else is named to the target.

        Whoever can't be read is looked at again later. Raises TargetError where that is several, and everybody.
        """
        if not users:
            return
        await self.refresh()
        before = {user: found for user in users if (found := self.known.get(user)) is not None}
        at = self.now()  # before the answers, which show what was then, or later: a write of ours after it is newer
        answers = dict(zip(before, await asyncio.gather(*map(self._read, before.values())), strict=True))
        await self.refresh()
        self._count(len(before), "id")
        self._schedule.looked(users, at)
        for user, known in before.items():
            answer = answers[user]
            if isinstance(answer, Unread):
                self.unread[user] = answer.why
                self._again(user, at)
            elif self.known.get(user) != known:
                self._schedule.again(user, Millis(at + SOON))
            else:
                self.unread.pop(user, None)
                account = self._account(known)
                if answer is not None and self._schedule.read_all and not self._schedule.has_seen(account or ""):
                    self._schedule.whole = False  # the lists haven't shown who is there
                await self._concluded(known, account, answer, at)
        _tell_unread([answer for answer in answers.values() if isinstance(answer, Unread)], len(answers))

    def unseen(self) -> None:
        """A round has read all pages: who wasn't on any is to be looked at, where it is known whose account it is."""
        missed = [(user, account) for user, account in self.known.placed() if not self._schedule.has_seen(account)]
        users = [user for user, account in missed if self._matters(user, account)]
        self._schedule.unseen([*users, *self.known.unplaced()])

    def _matters(self, user: str, account: str) -> bool:
        known = self.known.get(user)
        if known is None or is_left_alone(known.desired):
            return False
        return not (known.leaves and id_key(account) in self._gone)

    async def close(self, certain: Callable[[Stranger], Awaitable[Stranger | None]]) -> None:
        """A round is over: accounts that are nobody's are told, and those that aren't there any more are over.

        `certain`: what may be told of what a page shows. None: what was told stays so.
        """
        await self.refresh()
        at = self.now()
        told: set[str] = set()
        for account, each in self._strangers.items():
            verdict = whose(each, self.known, self._gone)
            if not isinstance(verdict, TheirAccount):
                told.add(account_key(account))  # of one that may be somebody's soon, what was told stays
            if isinstance(verdict, Orphan):
                found = await certain(each)
                if found is not None and isinstance(verdict := whose(found, self.known, self._gone), Orphan):
                    await self.findings.tell(orphaned(found, verdict.reason, at))
            elif isinstance(verdict, TheirAccount) and self.known.owner_of(account) is None:
                self._strays.note(verdict.user, account)
                self._schedule.again(verdict.user, at)
        for finding in self.findings.all_open():
            if self._is_over(finding.user) if finding.user is not None else self._is_past(finding, told):
                await self.findings.tell(Finding(finding.user, finding.account, finding.name, [], at, at))
        self._before, self._strangers = self._strangers, {}

    def _is_past(self, finding: Finding, told: set[str]) -> bool:
        """Whether an account of nobody's is somebody's, or gone: a list may have been cut short."""
        theirs = finding.account is not None and self.known.owner_of(finding.account) is not None
        return finding.key not in told and (self._schedule.whole or theirs)

    def _is_over(self, user: str) -> bool:
        """Whether nothing can disagree any more: they aren't ours now, or have left, and have no account."""
        known = self.known.get(user)
        if known is None or is_left_alone(known.desired):
            return True
        account = self._account(known)
        return known.leaves and (account is None or id_key(account) in self._gone)

    def _account(self, known: KnownUser) -> str | None:
        """Theirs by our deliveries; where there is none, or none any more, the one that shows their externalId."""
        stray = self._strays.of(known.user)
        if known.account is None or (stray is not None and known.leaves and id_key(known.account) in self._gone):
            return stray
        return known.account

    def _met(self, account: Stranger) -> str | None:
        """Whose it is. None: it isn't known to be anybody's."""
        verdict = whose(account, self.known, self._gone)
        if isinstance(verdict, TheirAccount):
            self._strays.note(verdict.user, account.id)
            return verdict.user
        self._strays.drop(account.id)
        self._strangers[account.id] = account
        return None

    async def _read(self, known: KnownUser) -> dict[str, Any] | Unread | None:
        account = self._account(known)
        if account is None or (known.leaves and id_key(account) in self._gone):
            return None
        body = await self.target.user(account)
        if isinstance(body, dict) and account != known.account and stranger(account, body).external_id != known.user:
            self._strays.drop(account)  # it was given to somebody else
            return None
        return body

    async def _concluded(self, known: KnownUser, account: str | None, body: dict[str, Any] | None, at: Millis) -> None:
        if account is not None:
            (self._gone.discard if body is not None else self._gone.add)(id_key(account))
        differences = compare(known, body, View(self.target.dialect, self._groups.names))
        if differences and known.behind and self._wait(known):
            return
        if not known.behind:
            self._behind.pop(known.user, None)
        if account is None:
            account = self._in_the_way(known)
        else:
            differences = as_before(self.findings.newest(known.user), differences)
            differences = await self._audit.authors(account, differences, self._groups.ids, at)
        name = None if body is None or not isinstance(body.get("userName"), str) else body["userName"][:200]
        finding = Finding(
            known.user, account, name, differences, at, at, known.seq, known.offset, is_incident(differences)
        )
        await self.findings.tell(finding)
        self._next_look(finding, at)

    def _next_look(self, finding: Finding, at: Millis) -> None:
        assert finding.user is not None
        pending = [each for each in finding.differences if each.kind == "pending"]
        waits = any(each.changed is not None or finding.user in self._behind for each in pending)
        if not is_repaired(finding) and not waits:
            self._times.pop(finding.user, None)
            return
        self._again(finding.user, at)

    def _again(self, user: str, at: Millis) -> None:
        if self._follows_up:
            times = self._times[user] = self._times.get(user, 0) + 1
            self._schedule.again(user, Millis(at + min(AGAIN_MOST, AGAIN_FIRST * 2 ** min(times - 1, 10))))

    def _wait(self, known: KnownUser) -> bool:
        """Somebody is on their way: whether it is too early to tell. They are looked at again then."""
        at = self.now()
        seq, since = self._behind.get(known.user, (known.seq, at))
        if seq != known.seq or known.user not in self._behind:
            self._behind[known.user] = known.seq, (since := at)
        if self._follows_up and len(self._behind) > BACKLOG:
            return True  # a bulk change: not each of them is news, and the sink has better to do than to be watched
        until = Millis(min(since, at) + self._patience)
        if at >= until:
            return False
        self._schedule.again(known.user, until)
        return True

    def _in_the_way(self, known: KnownUser) -> str | None:
        """The account that has the userName which somebody without an account is to have."""
        name = (known.desired.get("userName") or "").casefold()
        met = [*self._strangers.values(), *self._before.values()]
        return next((each.id for each in met if (each.name or "").casefold() == name), None)

    def _count(self, accounts: int, by: str) -> None:
        self.looks += accounts
        telemetry.RECONCILED.labels(by).inc(accounts)


def _tell_unread(unread: Sequence[Unread], asked: int) -> None:
    """Raises TargetError where it isn't about these accounts."""
    if not unread:
        return
    if len(unread) == asked > 1 and all(each.trouble for each in unread):
        raise TargetError(unread[0].why)
    log.warning("accounts that can't be read aren't compared", accounts=len(unread), why=unread[0].why)
