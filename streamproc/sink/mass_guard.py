"""Guarding: the mass guard of the partitions that this sink holds, and what operators said about whom it holds back."""

from collections.abc import Callable, Mapping

from streamproc.core.records.delivery import DeliveredState, Parked, Standing
from streamproc.settings import GuardSettings
from streamproc.sink.control_follower import ReceivedCommand
from streamproc.sink.decide.mass_guard import Flow, Hold, MassGuard, Protected, Rejected, Window
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.reconciliation import Reconciliation


class MassGuardDriver:
    """See above. `latest`: the last order about a user."""

    def __init__(
        self,
        settings: GuardSettings,
        journals: Mapping[int, DeliveryStore],
        latest: Callable[[str], ReceivedCommand | None],
    ) -> None:
        self._windows = (
            Window(600.0, settings.count, settings.share),
            Window(86_400.0, settings.day_count, settings.day_share),
        )
        self._protected = settings.protected.split()
        self._journals = journals
        self._latest = latest
        self.renew()

    def renew(self) -> None:
        """Partitions came or went: each is counted where it is."""
        standings = [each for journal in self._journals.values() for each in journal.standings.values()]
        self._guard = MassGuard(self._windows, self._protected, standings)

    def ask(self, trip: Reconciliation) -> Parked | None:
        """Its word on a revocation. Not None: not now, or never, and why."""
        order = self._latest(trip.user)
        released = order is not None and order.control.action == "release" and order.control.since == trip.since
        if released:
            self._guard.release(trip.user)
        cause = trip.record.cause
        for _, work in reversed(trip.turn.superseded):  # a later event of another source mustn't hide a bulk
            if not work.leaves:
                break
            cause = work.record.cause
        active = sum(len(journal.active) for journal in self._journals.values())
        match self._guard.ask(trip.user, trip.record.seq, cause, active):
            case Flow(standing):
                trip.standing = standing
                return None
            case Hold(standing):
                if trip.standing is None or trip.standing.said == "rejected":
                    trip.since = None  # held anew: what was ordered before was about something else
                trip.standing = standing
                return trip.parked("held", f"mass guard: {standing.reason}")
            case Rejected():
                return trip.parked("rejected", "an operator rejected this revocation")
            case Protected():
                return trip.parked("protected", "the account is protected, and never deactivated")

    def reject(self, user: str) -> Standing | None:
        """An operator said no; what has to be remembered of it."""
        return self._guard.reject(user)

    def ended(self, delivery: DeliveredState) -> None:
        """A user's turn came to its end."""
        if delivery.standing is None:
            self._guard.forget(delivery.user)
