"""Orders about findings: `ignore` and `deactivate`, from `streamproc.controls`.

An order names the finding that its operator has seen, and holds only while the same is told, and nothing else is
ordered. `deactivate` is all that reconcile ever writes to the target: by name, and only to an account that is still
nobody's, read before and after.

A page may show what was before an order was carried out. So what one shows of an account never undoes that an order
about it was answered, nor ends one that waits.
"""

from typing import Final

import structlog

from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.core.errors import TargetError
from streamproc.core.records.control import CONTROL, RECONCILE, Control
from streamproc.core.records.finding import Finding, account_key, says_the_same
from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import patch_body
from streamproc.core.scim.filter import resource_path
from streamproc.core.scim.response_body import version
from streamproc.core.scim.response_policy import describe
from streamproc.reconcile.comparison import Comparison
from streamproc.reconcile.decide.next_finding import ignored
from streamproc.reconcile.decide.strangers import Orphan, Stranger, is_the_same, orphaned, stranger, whose
from streamproc.reconcile.target_reader import Unread

log = structlog.get_logger("streamproc.reconcile")

ATTEMPTS: Final = 3
"""Times that an account is read, and written where it is still active, for one order."""
RETRY: Final = 60_000
"""Milliseconds until an order is tried again that came to nothing."""


class Orders:
    """Of one process."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._open: dict[str, Control] = {}
        """By whom or what they are about; the newest counts."""
        self._not_before: dict[str, int] = {}
        self._deactivations: set[str] = set()
        """Ids of all orders to deactivate."""

    def take(self, record: ConsumerRecord) -> None:
        """A record of `streamproc.controls`. Raises ValueError where it is strange."""
        order = CONTROL.validate_json(record.value)
        if order.action in RECONCILE:
            self._open[order.key] = order
        if order.action == "deactivate":
            self._deactivations.add(order.id)

    async def carry_out(self) -> None:
        """All that wait. An order that came to nothing is told, and tried again later."""
        findings, at = self._comparison.findings, self._comparison.now()
        for order in list(self._open.values()):
            if order.id in findings.answered:
                del self._open[order.key]
                continue
            if 0 < self._not_before.get(order.id, 0) - at <= RETRY:
                continue
            finding = findings.meant(order)
            if finding is None:
                log.info("an order is about a finding that is over, or is another one now", order=order.action)
                del self._open[order.key]
            elif order.action == "ignore":
                del self._open[order.key]
                await self._ignore(order, finding)
            else:
                await self._deactivate(order, finding)

    async def certain(self, shown: Stranger) -> Stranger | None:
        """What may be told of an account of nobody's that a page shows. None: nothing yet.

        Once an order has named it, it is read again at its id where a page shows something else than was answered.
        """
        told = self._comparison.findings.newest(account_key(shown.id))
        if told is None:
            return shown
        order = self._open.get(told.key)
        if order is not None and order.action == "deactivate":
            return None  # it may be carried out, and its answer lost; it holds for what was told
        if told.answered not in self._deactivations or says_the_same(told, orphaned(shown, "", told.at)):
            return shown
        body = await self._comparison.target.user(shown.id)
        await self._comparison.refresh()
        if isinstance(body, Unread):
            log.warning("an account that was deactivated by order may be active again: it can't be read", why=body.why)
            return None
        return None if body is None else stranger(shown.id, body)

    async def _ignore(self, order: Control, finding: Finding) -> None:
        closed = ignored(finding, order)
        if closed is None:
            log.warning("an incident can't be ignored", by=order.by)
            return
        await self._comparison.findings.append(closed)
        log.info("a finding is ignored until something else disagrees", by=order.by, reason=order.reason)

    async def _deactivate(self, order: Control, finding: Finding) -> None:
        """Only an orphan. What isn't one any more ends the order."""
        account = finding.account
        if finding.user is not None or account is None or [each.kind for each in finding.differences] != ["orphan"]:
            log.warning("an order to deactivate an account that isn't nobody's: nothing is done", by=order.by)
            del self._open[order.key]
            return
        try:
            after = await self._taken(account, finding)
        except TargetError as error:
            log.warning("an order to deactivate an account came to nothing yet", by=order.by, why=str(error))
            self._not_before[order.id] = self._comparison.now() + RETRY
            return
        del self._open[order.key]
        if after is None:
            log.warning("the account is somebody's, or another one now: nothing is done", by=order.by, why=order.reason)
            return
        answered = Finding(None, account, after.name, after.differences, after.at, finding.since, answered=order.id)
        await self._comparison.findings.append(answered)
        log.info("an account that is nobody's was deactivated", by=order.by, reason=order.reason, account=account)

    async def _taken(self, account: str, seen: Finding) -> Finding | None:
        """Deactivated and read back; no differences: it is gone. None: it is somebody's, or of another name than the
        operator has `seen`. Raises TargetError.
        """
        target, at = self._comparison.target, self._comparison.now()
        refused = "it stays active"
        for _ in range(ATTEMPTS):
            body = await target.user(account)
            if isinstance(body, Unread):
                raise TargetError(body.why)
            if body is None:
                return Finding(None, account, None, [], at, at)
            await self._comparison.refresh()
            shown = stranger(account, body)
            verdict = whose(shown, self._comparison.known)
            if not isinstance(verdict, Orphan) or not is_the_same(shown, seen):
                return None
            if shown.active is False:
                return orphaned(shown, verdict.reason, at)
            inactive = patch_body(Resource(), Resource(active=False), target.dialect)
            answer = await target.write(resource_path("Users", account), inactive, version(body))
            if answer.status is not None and answer.status >= 400:
                refused = describe(answer)
        raise TargetError(f"/Users: {refused}")
