"""Calendar: whose dates come when. The worker's timer looks here for those that have passed, and says so in the log."""

from streamproc.core.records.user_record import due_of


class DueDates:
    """For the users of one worker, by their acknowledged records. A date that was told isn't given a second time."""

    def __init__(self) -> None:
        self._due: dict[bytes, tuple[int, int]] = {}

    def note(self, user: bytes, value: bytes, partition: int) -> None:
        """The user's record is this now."""
        due = due_of(value)
        if due is not None:
            self._due[user] = due, partition
        elif self._due:
            self._due.pop(user, None)

    def passed(self, now: int) -> list[tuple[bytes, int]]:
        """Users, with their partitions, whose next date has passed (ms since 1970), those first that waited longest."""
        found = sorted((due, user, place) for user, (due, place) in self._due.items() if due <= now * 1000)
        for _, user, _ in found:
            del self._due[user]
        return [(user, place) for _, user, place in found]

    def forget(self) -> None:
        """Partitions have moved."""
        self._due.clear()
