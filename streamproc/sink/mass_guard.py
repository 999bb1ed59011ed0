"""Guarding: the mass guard of the partitions that this sink holds, and what operators said about whom it holds back."""

from collections.abc import Callable, Mapping

from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState, Standing
from streamproc.core.records.resource import Resource, by_mapping
from streamproc.settings import GuardSettings
from streamproc.sink.control_follower import ReceivedCommand
from streamproc.sink.decide.mass_guard import GuardDecision, MassGuard, Window
from streamproc.sink.decide.progress import Progress
from streamproc.sink.delivery_store import DeliveryStore


class MassGuardDriver:
    """One for all partitions that this sink holds. `latest`: the last order about a user."""

    def __init__(
        self,
        settings: GuardSettings,
        stores: Mapping[int, DeliveryStore],
        latest: Callable[[str], ReceivedCommand | None],
    ) -> None:
        self._windows = (
            Window(600.0, settings.count, settings.share),
            Window(86_400.0, settings.day_count, settings.day_share),
        )
        self._protected = settings.protected.split()
        self._stores = stores
        self._latest = latest
        self.renew()

    def renew(self) -> None:
        """Partitions came or went: each is counted where it is."""
        standings = [each for store in self._stores.values() for each in store.standings.values()]
        self._guard = MassGuard(self._windows, self._protected, standings)

    def ask(self, progress: Progress) -> GuardDecision:
        """Its word on a revocation that is about to be sent."""
        order = self._latest(progress.user)
        if order is not None and order.control.action == "release" and order.control.since == progress.since:
            self._guard.release(progress.user)
        cause, withheld = progress.record.cause, by_mapping(progress.record.desired)
        for _, work in reversed(progress.turn.superseded):  # a later event of another source mustn't hide a bulk
            if not work.leaves or (by_mapping(work.record.desired) and not withheld):
                break
            cause = work.record.cause
        if not withheld and self._was_withheld(progress):
            self._guard.ask_anew(progress.user)
        if self._was_out(progress):
            self._guard.let_in_by_others(progress.user, progress.record.seq, cause)
        active = sum(len(store.active) for store in self._stores.values())
        return self._guard.ask(progress.user, progress.record.seq, cause, active)

    def _was_withheld(self, progress: Progress) -> bool:
        """Whether what is held, or was rejected, of a leaver is what the mapping says, and no source: now one does."""
        delivery = self._stores[progress.turn.partition].delivery(progress.user)
        parked = delivery.parked if delivery is not None else None
        return parked is not None and parked.code in {"held", "rejected"} and by_mapping(parked.desired)

    def _was_out(self, progress: Progress) -> bool:
        """Whether they had no access when their last turn ended, and it isn't we who gave them some since."""
        delivery = self._stores[progress.turn.partition].delivery(progress.user)
        if delivery is None or progress.wrote or "active" in delivery.frozen:
            return False
        parked, held = delivery.parked, delivery.held or Resource()
        if parked is not None:
            return parked.code not in HELD and held.get("active") is False
        return held.get("active") is False or progress.turn.work.drift is not None

    def reject(self, user: str) -> Standing | None:
        """An operator said no; what has to be remembered of it."""
        return self._guard.reject(user)

    def ended(self, delivery: DeliveredState) -> None:
        """A user's turn came to its end."""
        if delivery.standing is None:
            self._guard.forget(delivery.user)
