"""Claims: two subjects of one source say that they are one user; the first is, the second is held until confirmed."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.fold.claims import MOST, may_be_ambiguous, problems, reheard
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Move, Origin, SourceFacts
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, encode

BY = parse_mapping("")
DAY = 86_400_000_000
NOW = 1_790_000_000_000


class User:
    """One user's record, event by event."""

    def __init__(self, mapping: Mapping = BY) -> None:
        self.mapping = mapping
        self.record: UserRecord | None = None
        self.seq = 0

    def hear(self, name: str, kind: Any = "change", *, move: Move | None = None, day: int = 0, **said: Any) -> "User":
        """`name`: SOURCE/SUBJECT. `day`: by the source's clock and the broker's."""
        self.seq += 1
        source, _, subject = name.partition("/")
        at = Millis(NOW + day * 86_400_000 + self.seq)
        order = (Micros(at * 1000), 0, f"e{self.seq}")
        origin = Origin(f"events.{source}", 0, self.seq, at)
        effective = said.pop("effective", None)
        if effective is not None:
            effective = Effective(Micros((NOW + effective * 86_400_000) * 1000), "", "UTC")
        event = ChangeEvent(
            "U", source, subject, f"e{self.seq}", kind, order, said, origin, move=move, effective=effective
        )
        self.record = fold(self.record, self.seq, event, self.mapping)
        return self

    def linked(self, name: str, by: str | None = "kim", other: str | None = None, **said: Any) -> "User":
        """The subject comes to this user with all that it has said."""
        source, _, subject = name.partition("/")
        origin = Origin("t", 0, 0, Millis(0))
        told = ChangeEvent("", source, subject, "e", "snapshot", (Micros(1), 0, "e"), said, origin)
        record = fold(None, 0, told, self.mapping)
        return self.hear(name, "link", move=Move(other, by, record.facts[name]))

    def left(self, name: str, by: str | None = None, **said: Any) -> "User":
        """The subject leaves for another user, or by an order for none."""
        return self.hear(name, "unlink", move=Move(None if by else "V", by), **said)

    @property
    def here(self) -> UserRecord:
        assert self.record is not None
        return self.record

    @property
    def login(self) -> Any:
        return self.here.desired.get("userName")

    @property
    def active(self) -> Any:
        return self.here.desired.get("active")

    @property
    def held(self) -> set[str]:
        return {name for name, facts in self.here.facts.items() if facts.standing == "held" and not facts.left}


def manager(source: str = "okta", mapping: Mapping = BY) -> User:
    return User(mapping).hear(f"{source}/A", "snapshot", active=True, userName="manager@example.com")


@pytest.mark.parametrize("source", ["okta", "entra", "pingone", "set", "hris", "debezium"])
def test_a_second_that_claims_the_number_is_held(source: str) -> None:
    """It gives neither a login nor access, and takes none: whatever it says, whenever it says it."""
    user = manager(source).hear(f"{source}/B", "snapshot", active=True, userName="thief@example.com")
    assert (user.login, user.active, user.held) == ("manager@example.com", True, {f"{source}/B"})
    user.hear(f"{source}/B", active=False).hear(f"{source}/B", active=True, title="Boss")
    assert (user.login, user.active, user.here.effect) == ("manager@example.com", True, "stale")
    user.hear(f"{source}/A", active=False)
    assert (user.login, user.active, user.held) == ("manager@example.com", False, {f"{source}/B"})


def test_what_is_held_is_kept_as_a_name_alone_and_told() -> None:
    """Facts of any size don't grow the user's record; its problems say so, and name nobody: they stay when redacted."""
    user = manager().hear("okta/B", "snapshot", active=True, userName="x" * 1000)
    origin = user.here.facts["okta/B"].origin
    assert user.here.facts["okta/B"] == SourceFacts("B", origin, values={"active": True}, standing="held")
    (problem,) = user.here.problems
    assert problem.startswith("okta: ambiguous: another subject is held")
    assert may_be_ambiguous(encode(user.here))
    assert not may_be_ambiguous(encode(manager().here))


@pytest.mark.parametrize("how", ["disabled", "deleted", "moved", "split"])
def test_the_first_ones_leaving_doesnt_release_it(how: str) -> None:
    """Nobody inherits an account by having claimed it before: the user is out, until an operator says who this is."""
    user = manager().hear("okta/B", "snapshot", active=True, userName="thief@example.com")
    if how == "moved":
        user.left("okta/A")
    elif how == "split":
        user.left("okta/A", "kim")
    else:
        user.hear("okta/A", active=False, gone=True if how == "deleted" else None)
    user.hear("okta/B", day=40, active=True)
    assert (user.active, user.held) == (False, {"okta/B"})
    assert user.login != "thief@example.com"
    user.linked("okta/B", active=True, userName="thief@example.com")
    assert user.held == set()
    assert user.active is (how in {"moved", "split"}), "a denial of the first is another matter"


def test_an_operator_confirms_that_both_are_one_person() -> None:
    """From then on they are two accounts of one person, of which both have to be let in."""
    user = manager().hear("okta/B", "snapshot", active=True).linked("okta/B", active=True, userName="admin@example.com")
    assert (user.held, user.active, user.here.problems) == (set(), True, [])
    assert user.login == "manager@example.com", "and the login stays the first one's"
    user.hear("okta/B", active=False)
    assert user.active is False


def test_of_two_confirmed_accounts_either_may_be_out_for_a_while() -> None:
    """The first isn't held when the second comes back, nor the other way round."""
    user = manager().hear("okta/B", "snapshot", active=True).linked("okta/B", active=True)
    for name in ("okta/B", "okta/A"):
        user.hear(name, active=False)
        assert user.active is False
        user.hear(name, active=True)
        assert (user.held, user.active, user.login) == (set(), True, "manager@example.com")


def test_an_operators_word_comes_before_the_claim_as_well() -> None:
    """Who was linked before, or is linked again, is never held."""
    user = User().linked("okta/B", active=True, userName="b@example.com").hear("okta/A", "snapshot", active=True)
    assert user.held == {"okta/A"}
    user.linked("okta/B", active=True)
    assert (user.held, user.active, user.login) == ({"okta/A"}, True, "b@example.com")


def test_the_source_takes_the_claim_back() -> None:
    """What was held leaves nothing behind, also what it says late of that time; if it claims again it is held again."""
    user = manager().hear("okta/B", "snapshot", active=True).left("okta/B")
    assert (user.held, user.active, user.here.problems) == (set(), True, [])
    user.left("okta/B", active=False)
    assert (user.active, user.login) == (True, "manager@example.com")
    user.linked("okta/B", None, "V", active=True)
    assert (user.held, user.active) == ({"okta/B"}, True)
    user.left("okta/B").left("okta/A").linked("okta/B", None, "V", active=True)
    assert (user.held, user.active) == ({"okta/B"}, False), "waiting elsewhere until the first has gone is of no use"
    user.left("okta/B").linked("okta/B", "kim", "V", active=True)
    assert (user.held, user.active) == (set(), True)


def test_who_was_held_and_has_left_had_no_say_in_who_is_active() -> None:
    """What the first one says since, which is nothing, is taken as if the other had never been there."""
    first = User().hear("okta/A", "snapshot", active=True)
    both = User().hear("okta/A", "snapshot", active=True).hear("okta/B", "snapshot", active=True).left("okta/B")
    assert [each.hear("okta/A", "snapshot", active=None).active for each in (first, both)] == [None, None]


def test_who_never_was_this_user_leaves_no_denial_either() -> None:
    """It said nothing of whether it is active, and is disabled as it goes, or is said late to have been."""
    user = manager().hear("okta/B", job="Agent").left("okta/B", active=False)
    assert (user.active, user.here.problems) == (True, [])
    user = manager().hear("okta/B", job="Agent").left("okta/B").left("okta/B", active=False)
    assert (user.active, user.here.problems) == (True, [])


@pytest.mark.parametrize("moves", [True, False])
def test_a_disabled_one_with_the_number_takes_no_access(moves: bool) -> None:
    """It isn't active, but it would deny the first one's access: it moves to their number, or comes with it."""
    user = manager()
    if moves:
        user.linked("okta/B", None, "V", active=False)
    else:
        user.hear("okta/B", "snapshot", active=False)
    assert (user.active, user.held) == (True, {"okta/B"})
    silent = manager().hear("okta/B", job="Agent").hear("okta/B", active=False)
    assert (silent.active, silent.held) == (True, {"okta/B"})


def test_who_comes_when_the_first_is_out_isnt_held_and_waits_for_their_place() -> None:
    """A new account beside a disabled one: an operator who splits the old one off lets the new one in. Until then the
    login is the old one's, and if that comes back it is the first.
    """
    user = manager().hear("okta/A", active=False).hear("okta/B", "snapshot", active=True, userName="new@example.com")
    assert (user.held, user.active, user.login) == (set(), False, "manager@example.com")
    assert user.here.problems == [
        "okta: ambiguous: a newer subject waits behind the first: see streamproc identities list"
    ]
    back = User()
    back.record, back.seq = user.record, user.seq
    back.hear("okta/A", active=True)
    assert (back.held, back.active, back.login) == ({"okta/B"}, True, "manager@example.com")
    gone = User()
    gone.record, gone.seq = user.record, user.seq
    gone.hear("okta/B", active=False).hear("okta/A", active=True)
    assert (gone.active, gone.login) == (True, "manager@example.com"), "nor does it leave a denial"
    waits = User()
    waits.record, waits.seq = user.record, user.seq
    waits.hear("okta/B", active=False).hear("okta/B", active=True)
    assert (waits.held, waits.active) == (set(), False), "whatever it says of itself meanwhile"
    user.left("okta/A", "kim")
    assert (user.held, user.active, user.login) == (set(), True, "new@example.com")
    assert user.here.problems == []


def test_an_account_that_was_deleted_before_the_new_one_was_made() -> None:
    """It succeeds, as ever."""
    user = manager().hear("okta/A", day=1, active=False, gone=True)
    user.hear("okta/B", "snapshot", day=2, active=True, userName="new@example.com", began=(NOW * 1000 + 2 * DAY))
    assert (user.held, user.active, user.login) == (set(), True, "new@example.com")


def test_an_account_made_anew_before_it_is_heard_that_the_first_was_deleted() -> None:
    """It waits, and nobody else does; if the first is said to be active still, or only leaves, it is held."""

    def both(other: str = "okta/B") -> User:
        made = (NOW + 2 * 86_400_000) * 1000
        return manager().hear(other, "snapshot", day=3, active=True, userName="new@example.com", began=made)

    user = both()
    assert (user.active, user.login, user.held) == (True, "manager@example.com", set())
    assert user.here.facts["okta/B"].standing == "behind"
    user.hear("okta/A", day=4, active=False, gone=True)
    assert (user.active, user.login, user.here.problems) == (True, "new@example.com", [])
    assert both().hear("okta/A", day=4, active=True).held == {"okta/B"}
    assert both().left("okta/A").held == {"okta/B"}
    assert both().left("okta/A", "kim").held == {"okta/B"}
    disabled = both().hear("okta/B", day=3, active=False)
    assert (disabled.active, disabled.held) == (True, set()), "it takes nothing, and goes on waiting"
    assert disabled.hear("okta/A", day=4, active=False, gone=True).active is False
    assert disabled.hear("okta/B", day=5, active=True).active is True
    disabled = both().hear("okta/B", day=3, active=False).hear("okta/A", day=4, active=True)
    assert (disabled.active, disabled.held) == (True, {"okta/B"})
    out = both().hear("okta/A", day=4, active=False)
    assert (out.active, out.login) == (False, "manager@example.com")
    assert out.hear("okta/A", day=5, active=False, gone=True).active is True


def test_of_several_accounts_made_anew_the_one_that_is_left_succeeds() -> None:
    """Deletions of all before it may be heard late, in any order."""
    for order in ("AB", "BA"):
        user = manager()
        for day, name in ((2, "B"), (4, "C")):
            made = (NOW + day * 86_400_000) * 1000
            user.hear(f"okta/{name}", "snapshot", day=day, active=True, userName=f"{name}@example.com", began=made)
        assert (user.active, user.login, user.held) == (True, "manager@example.com", set())
        for name in order:
            user.hear(f"okta/{name}", day=5, active=False, gone=True)
        assert (user.active, user.login) == (True, "C@example.com"), order


def test_who_was_never_active_doesnt_hold_the_place() -> None:
    """A staged account is no first one: the first that is active is."""
    made = NOW * 1000
    user = User().hear("okta/S", "snapshot", active=False, began=made).hear("okta/B", "snapshot", active=True)
    assert (user.held, user.active) == (set(), True)
    user.hear("okta/S", active=True)
    assert user.held == {"okta/S"}


def test_jobs_follow_each_other_on_a_date() -> None:
    """A contract ends on the day on which the employment begins: nobody is held, though the employment was known."""
    user = manager("hris").hear("hris/A", effective=3, active=False)
    user.hear("hris/E", "snapshot", effective=3, active=True, userName="e@example.com", began=NOW * 1000 + 3 * DAY)
    assert (user.held, user.login) == (set(), "manager@example.com")
    user.hear("okta/x", day=4, job="Agent")
    assert (user.held, user.active, user.login) == (set(), True, "e@example.com")


def test_a_date_can_make_a_second_one_active() -> None:
    """It is held from that day on: by whatever event the log first shows that the day has come."""
    user = manager("hris").hear("hris/E", "snapshot", effective=3, active=True, userName="e@example.com")
    assert user.held == set()
    user.hear("hris/E", "due", day=4)
    assert (user.held, user.login) == ({"hris/E"}, "manager@example.com")


def test_sources_whose_subjects_are_jobs_of_one_person() -> None:
    """Workday by default, where its anchor is the person's id; a mapping names others, or none."""
    for source, text, several in (
        ("workday", "", True),
        ("hris", '[claims]\nseveral = ["hris"]\n', True),
        ("workday", "[claims]\nseveral = []\n", False),
    ):
        user = manager(source, parse_mapping(text)).hear(f"{source}/B", "snapshot", active=True)
        assert (user.held == set()) is several
        assert (user.here.problems == []) is several
    assert parse_mapping("").digest == parse_mapping('[claims]\nseveral = ["workday"]\n').digest


def test_only_so_many_claim_one_user() -> None:
    """More are held without being kept, also once the first is out: a record can't be filled by claims."""
    user = manager()
    for number in range(3 * MOST):
        user.hear(f"okta/B{number}", "snapshot", active=True, userName="x" * 200)
    assert len(user.here.facts) == MOST
    assert (user.login, user.active) == ("manager@example.com", True)
    assert user.here.problems[-1].startswith(f"okta: ambiguous: {MOST} subjects have been this user")
    assert all(len(problem) < 300 for problem in user.here.problems)
    user.left("okta/B50").left("okta/A", "kim").hear("okta/late", "snapshot", active=True)
    user.linked("okta/B50", None, "V", active=True)
    assert (user.active, len(user.here.facts), "okta/late" in user.here.facts) == (False, MOST, False)
    user.linked("okta/late", active=True, userName="late@example.com")
    assert (user.active, user.login) == (True, "late@example.com")


def test_what_was_so_before_stays_and_is_told() -> None:
    """Two that were active as one user in records of before: nobody knows any more which came first."""
    two = {name: replace(manager().here.facts["okta/A"], subject=name[-1]) for name in ("okta/A", "okta/B")}
    user = manager()
    user.record = replace_facts(user.here, two)
    user.hear("okta/A", job="Agent")
    assert user.held == set()
    assert user.here.problems == ["okta: more than one active subject is this user; are they one person?"]
    user.linked("okta/A", active=True).linked("okta/B", active=True)
    assert user.here.problems == []


def replace_facts(record: UserRecord, facts: dict[str, SourceFacts]) -> UserRecord:
    return replace(record, facts=facts)


def test_another_mapping_doesnt_forget_who_is_held() -> None:
    """What it reads is heard anew; who is held, and who was confirmed, is as before."""
    user = manager().hear("okta/B", "snapshot", active=True).linked("okta/C", active=True)
    nowhere = Origin("t", 0, 0, Millis(0))
    bare = {name: SourceFacts(name, nowhere, values={"active": True}) for name in ("okta/A", "okta/B")}
    anew = reheard(user.here.facts, bare | {"okta/C": bare["okta/A"], "okta/never": bare["okta/A"]})
    assert {name: each.standing for name, each in anew.items()} == {
        "okta/A": "", "okta/B": "held", "okta/C": "confirmed",
    }  # fmt: skip
    assert anew["okta/B"].values == {"active": True}


def test_nobody_else_is_told_of() -> None:
    """Two sources of one person aren't two claims, nor is who has left, or isn't active."""
    user = manager().hear("workday/1", "snapshot", active=True).hear("okta/B", "snapshot", active=True).left("okta/B")
    assert problems(user.here.facts, user.here.as_of, BY.file) == []
