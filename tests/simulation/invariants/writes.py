"""What the target carried out, in its order: per user never older after newer, nothing twice, nobody else.

Invariants 5, 6, 7 and 14.

The order is that of one resource: a version is a user's or a group's. A leaver waits for no group, so a membership that
was under way may come after them; they are inactive all the same.

An exception: the forms in which a leaver is sent at last have no If-Match. They may come late, and say what is there.
"""

from typing import Any

from tests.simulation.invariants.watching import FIRST, Known, Telling, Write


class Writes:
    """`versioned`: whether the target has ETags. Without them nothing keeps a late request from being carried out.
    `lossy`: whether it accepts what it then passes over; that is written once more.
    """

    def __init__(self, known: Known, telling: Telling, *, versioned: bool = True, lossy: bool = False) -> None:
        self._known = known
        self._tell = telling
        self._versioned = versioned
        self._lossy = lossy
        self._last: dict[tuple[str, str | None], int] = {}
        """User and account or group → seq of the newest write."""
        self._applied: dict[str, str | None] = {}
        """Request → user."""
        self._created: dict[str, str] = {}
        self._by_hand: set[tuple[str, str | None]] = set()
        """User and group, of memberships that others have changed."""
        self._gone: set[str] = set()
        """Whose account others have deleted, and with it all memberships."""
        self._let_in: dict[str | None, Any] = {}
        """Account → what was told of its user last when a sink gave it access; gone once one has taken that away."""
        self._put_out: dict[str | None, Any] = {}
        """The same of those that are gone."""

    def written(self, write: Write) -> None:
        """A write that was carried out."""
        self._tell.count(f"write {write.method} {write.path.split('/')[-2] if write.method != 'POST' else 'Users'}")
        if write.method == "DELETE":
            self._tell.fail("delete", f"{write.user} was deleted")
        user = self._asked(write)
        guarded = self._versioned and (write.if_match is not None or write.method == "POST")
        if user is not None and guarded:
            self._in_order(write, user)
        if write.created:
            self._create(write)
        elif guarded and not write.changed and not self._lossy and not self._says_it_again(write, user):
            self._tell.fail("twice", f"{write.request_id} of {user} changed nothing: {write.body}")
        self._access(write, user)
        if guarded and write.request_id in self._applied:
            self._tell.fail("twice", f"{write.request_id} of {user} was carried out twice")
        self._applied[write.request_id] = user

    def deleted(self, user: str) -> None:
        """Somebody has deleted their account by hand: they are created once more, and are in no group until then."""
        self._created.pop(user, None)
        self._gone.add(user)
        self._applied = {name: each for name, each in self._applied.items() if each != user}

    def refused(self, account: str) -> None:
        """A sink was told that a write came to nothing. If that was about a copy of the request, access is gone, and
        the sink can't know.
        """
        if account in self._put_out:
            self._let_in[account] = self._put_out.pop(account)

    def _asked(self, write: Write) -> str | None:
        """For whom it was sent."""
        asked = self._known.users.get((write.home, write.seq))
        if asked is None:
            self._tell.fail("wrong user", f"{write.request_id} names no event")
        elif asked and write.user is not None and asked != write.user:
            self._tell.fail("wrong user", f"{write.request_id} was sent for {asked}, and wrote to {write.user}")
        return asked or write.user

    def _in_order(self, write: Write, user: str) -> None:
        place = (user, write.account)
        last = self._last.get(place, FIRST)
        self._tell.count("write after an older one" if FIRST < last < write.seq else "write of the same event")
        if write.seq < last:
            self._tell.fail("order", f"{write.request_id} of {user} was carried out after one of seq {last}")
        self._last[place] = max(last, write.seq)

    def _create(self, write: Write) -> None:
        user, account = write.user, write.account or ""
        if user is None:
            return
        if (other := self._created.get(user, account)) != account:
            self._tell.fail("twice", f"{user} was created as {account}, and is there as {other}")
        self._created[user] = account
        self._gone.discard(user)

    def changed_by_hand(self, user: str, group: str) -> None:
        """Somebody has put them into a group, or taken them out: a sink needn't know who is in it to say the same."""
        self._by_hand.add((user, group))

    def _says_it_again(self, write: Write, user: str | None) -> bool:
        """Whether a sink has a reason to write what is so already."""
        return self._comes_back(write, user) or self._was_just_let_in(write, user) or self._was_released(write, user)

    def _comes_back(self, write: Write, user: str | None) -> bool:
        """Of whom it isn't known whether they are in, `active` is written again: their leaving came to nothing. And
        others may have done the same before.
        """
        if (user, write.account) in self._by_hand or (user in self._gone and write.group is not None):
            return True
        parked = (self._known.deliveries.get(user or "") or {}).get("parked") or {}
        return (parked.get("desired") or {}).get("active") is False and active_in(write.body) is True

    def _was_just_let_in(self, write: Write, user: str | None) -> bool:
        """Others have taken the access that a sink had just given. What it then reads may lag, and be from before it
        gave any, so it doesn't count as revoked: the version that was read is sent along, and only the newest is taken.
        That holds for one such write, and until the turn is told.
        """
        if active_in(write.body) is not False or write.account not in self._let_in:
            return False
        return self._let_in[write.account] is self._known.deliveries.get(user or "")

    def _was_released(self, write: Write, user: str | None) -> bool:
        """Whose groups are others' since they were released. They are read when they come back, but only those groups
        are noted that are wanted by then; newer work that wants another one puts them into it, as it does where others
        have. That holds until the sink has told that they are in it.
        """
        return write.group in self._known.unnoted.get(user or "", ())

    def _access(self, write: Write, user: str | None) -> None:
        match active_in(write.body):
            case True:
                self._let_in[write.account] = self._known.deliveries.get(user or "")
                self._put_out.pop(write.account, None)
            case False if write.account in self._let_in:
                self._put_out[write.account] = self._let_in.pop(write.account)


def active_in(body: Any) -> Any:
    """What a body says of `active`; None: nothing."""
    if not isinstance(body, dict):
        return None
    if "Operations" not in body:
        return body.get("active")
    for each in body["Operations"]:
        if isinstance(each, dict) and str(each.get("path", "")).rpartition(":")[2] == "active":
            return each.get("value")
        if isinstance(each, dict) and isinstance(each.get("value"), dict) and "active" in each["value"]:
            return each["value"]["active"]
    return None
