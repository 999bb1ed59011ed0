"""The invariants at the target: what is asked of it, and what it carried out."""

import pytest

from tests.support.forged_run import USER, Forged, set_to

OUT = set_to(active=False)


@pytest.fixture
def run() -> Forged:
    """U1 has two events, and was delivered at the first; U9 never is in scope."""
    run = Forged()
    run.acquired()
    run.said(0, active=True)
    run.said(1, active=False)
    run.change(5, "U9", userName="nina@example.com")
    run.operation(5, "U9", scope="never")
    run.commit(run.outcome(0), run.delivery(0), offset=1)
    return run


class TestWrites:
    def test_writes_in_their_order_are_fine(self, run: Forged) -> None:
        """What Genesys carried out follows the events."""
        run.write(0, method="POST")
        run.write(0)
        run.write(1, after={"active": False}, body=OUT)
        assert (run.broken, run.seen["write PATCH Users"]) == ([], 2)

    def test_an_older_write_after_a_newer_one_is_found(self, run: Forged) -> None:
        """Somebody would get back what was taken from them."""
        run.write(1)
        run.write(0)
        assert run.broken == ["order"]

    def test_a_membership_may_come_after_a_leaving_but_not_after_a_newer_one(self, run: Forged) -> None:
        """A leaver waits for no group: who is inactive may be in one. Who is taken out of it mustn't come back."""
        run.write(1, after={"active": False}, body=OUT)
        run.write(0, group="g1")
        assert run.broken == []
        run.write(1, group="g1")
        run.write(0, group="g1", request_id="0-0-cc")
        assert run.broken == ["order"]

    def test_a_leavers_last_forms_may_come_late(self, run: Forged) -> None:
        """Without If-Match nothing keeps them from it; that somebody keeps their access is worse."""
        run.write(1)
        run.write(0, version=None, changed=False, body=OUT)
        assert run.broken == []

    def test_a_write_that_changes_nothing_is_found(self, run: Forged) -> None:
        """The same was written twice."""
        run.write(0, changed=False)
        assert run.broken == ["twice"]

    def test_who_comes_back_after_a_leaving_that_came_to_nothing_is_written_again(self, run: Forged) -> None:
        """Nobody knows whether they are in, so that they are is said once more."""
        parked = {"code": "refused", "attributes": {}, "desired": {"active": False}}
        run.commit(run.outcome(1), run.delivery(1, parked=parked))
        run.said(2, active=True)
        run.write(2, changed=False, body=set_to(active=True))
        assert run.broken == []

    def test_whom_others_let_in_is_told_from_whom_we_let_in(self, run: Forged) -> None:
        """Of the one a sink has to know whose turn comes first, of the other it can't before they are found."""
        let_in = run.invariants.revocations._known.let_in
        run.write(0, before={"active": False}, by_hand=True)
        run.write(0, by_hand=True)
        assert let_in == {"acc-1"}
        run.write(1, after={"active": False}, body=OUT)
        run.write(0, before={"active": False}, body=set_to(active=True))
        assert let_in == set()

    def test_who_was_let_in_and_put_out_by_others_is_deactivated_once_all_the_same(self, run: Forged) -> None:
        """What shows them as out may be from before they were in: nobody keeps access because of that."""
        run.write(0, method="POST", body={"active": True})
        run.write(1, changed=False, body=OUT)
        assert run.broken == []
        run.write(1, changed=False, body=OUT)
        assert run.broken == ["twice"]

    def test_whose_deactivation_was_refused_as_a_copy_of_itself_is_deactivated_again(self, run: Forged) -> None:
        """The answer says that it came to nothing, and what is read then may be from before they were let in."""
        run.write(0, method="POST", body={"active": True})
        number = run.ask("PATCH", body=OUT, seq=1, version='"1"')
        run.write(1, after={"active": False}, body=OUT)
        run.answer(number, 412)
        run.write(1, changed=False, body=OUT, request_id="0-1-aa")
        assert run.broken == []
        run.write(1, changed=False, body=OUT, request_id="0-1-bb")
        assert run.broken == ["twice"]

    def test_who_was_put_out_by_others_after_the_turn_is_only_read(self, run: Forged) -> None:
        """It was told that they are in; since then what is read counts, and nothing is left to write."""
        run.write(0, method="POST", body={"active": True})
        run.commit(run.delivery(0))
        run.write(1, changed=False, body=OUT)
        assert run.broken == ["twice"]

    def test_who_comes_back_after_a_release_may_be_put_into_a_group_that_they_never_left(self, run: Forged) -> None:
        """Meanwhile it was others' business. What was told once is known, and isn't written again."""
        run.write(0, group="Supervisors", changed=False)
        run.said(2, scope="released", groups=["Supervisors"])
        run.said(3, scope="in", groups=["Supervisors", "Sales Queue"])
        run.write(1, group="Supervisors", changed=False)
        assert run.broken == ["twice", "twice"]
        run.commit(run.outcome(1), run.outcome(2), run.delivery(2, held=None))
        run.write(3, group="Supervisors", changed=False)
        run.commit(run.delivery(2, held={"groups": []}))
        run.write(3, group="Supervisors", changed=False, request_id="0-3-a0")
        assert run.broken == ["twice", "twice"]
        run.write(3, group="Sales Queue", changed=False, request_id="0-3-aa")
        run.commit(run.outcome(3), run.delivery(3, held={"groups": ["Supervisors"]}))
        run.write(3, group="Supervisors", changed=False, request_id="0-3-bb")
        assert run.broken == ["twice"] * 4

    def test_whose_groups_were_about_to_be_taken_at_their_release_may_keep_them(self, run: Forged) -> None:
        """The record that takes them may never be delivered: what is released is written no more."""
        run.said(2, groups=["Sales Queue"])
        run.said(3, groups=["Supervisors"])
        run.said(4, scope="released", groups=["Supervisors"])
        assert run.invariants.known.released == {USER: {"Sales Queue", "Supervisors"}}

    def test_who_was_deactivated_isnt_deactivated_again(self, run: Forged) -> None:
        """An answer that got lost is looked for; the request isn't sent once more."""
        run.write(0, body=set_to(active=True))
        run.write(1, body=OUT)
        run.write(1, changed=False, body=OUT)
        assert run.broken == ["twice"]

    def test_one_request_that_is_carried_out_twice_is_found(self, run: Forged) -> None:
        """It was sent again, and nobody had looked."""
        run.write(0, request_id="0-0-aa")
        run.write(0, request_id="0-0-aa")
        assert run.broken == ["twice"]

    def test_a_second_account_of_one_user_is_found(self, run: Forged) -> None:
        """A person with two accounts keeps one when they leave."""
        run.write(0, method="POST", account="a")
        run.write(0, method="POST", account="b")
        assert run.broken == ["twice"]

    def test_a_write_to_somebody_else_is_found(self, run: Forged) -> None:
        """One person's change must never reach another's account."""
        run.write(0, user="U2")
        assert run.broken == ["wrong user"]

    def test_a_write_for_no_event_is_found(self, run: Forged) -> None:
        """Each write can be traced to an event."""
        run.write(55)
        assert run.broken[0] == "wrong user"

    def test_a_deletion_is_found(self, run: Forged) -> None:
        """Leavers stay, inactive."""
        run.write(1, method="DELETE")
        assert "delete" in run.broken


class TestRequests:
    def test_an_ordinary_turn_is_fine(self, run: Forged) -> None:
        """Read, write with the version that was read, and read back."""
        run.asked(etag='"1"')
        run.commit()
        run.asked("PATCH", seq=1, version='"1"', body=OUT, etag='"2"')
        run.asked(etag='"2"')
        assert (run.broken, run.seen["revocation sent"], run.seen["write with If-Match"]) == ([], 1, 1)

    def test_delete_is_found(self, run: Forged) -> None:
        """Never DELETE."""
        run.asked("DELETE")
        assert run.broken == ["delete"]

    def test_a_write_without_if_match_is_found(self, run: Forged) -> None:
        """It would overwrite whatever somebody else has written since."""
        run.asked("PATCH", body=set_to(title="x"))
        assert run.broken == ["If-Match"]

    def test_a_leaver_is_sent_without_one_only_after_one_with_it(self, run: Forged) -> None:
        """The other forms are for when the first didn't do it."""
        run.asked("PATCH", seq=1, body=OUT)
        assert run.broken == ["If-Match"]
        run.asked("PATCH", seq=1, version='"1"', body=OUT)
        run.asked("PATCH", seq=1, body=OUT)
        assert run.broken == ["If-Match"]

    def test_a_revocation_with_something_beside_it_is_found(self, run: Forged) -> None:
        """A title that is refused would keep a leaver in."""
        run.asked("PATCH", seq=1, version='"1"', body=set_to(active=False, title="x"))
        assert run.broken == ["alone"]

    def test_a_write_after_one_of_unknown_outcome_is_found(self, run: Forged) -> None:
        """What may have been carried out is looked at first."""
        for status in (None, 503):
            run.asked("PATCH", version='"1"', body=set_to(title="x"), status=status)
            run.asked(status=500)
            run.asked("PATCH", version='"1"', body=set_to(title="x"))
            assert run.broken == ["blind"]
            run.told.clear()

    def test_a_leaver_who_was_set_aside_needs_no_read(self, run: Forged) -> None:
        """The target may refuse to show them once more, and they would keep their access for it. Nobody else may."""
        run.asked("PATCH", version='"1"', body=set_to(title="x"), status=None)
        run.commit(run.outcome(1), run.delivery(1, parked={"code": "refused", "attributes": {}, "desired": {}}))
        run.asked("PATCH", version='"1"', body=OUT)
        assert run.broken == []
        run.asked("PATCH", version='"1"', body=set_to(title="x"))
        assert run.broken == ["blind"]

    def test_a_read_in_between_makes_it_known(self, run: Forged) -> None:
        """After that the next write may go out."""
        run.asked("PATCH", version='"1"', body=set_to(title="x"), status=None)
        run.asked(etag='"1"')
        run.commit()
        run.asked("PATCH", version='"1"', body=set_to(title="x"))
        assert (run.broken, run.seen["write of unknown outcome"]) == ([], 1)

    def test_what_couldnt_be_sent_at_all_may_be_sent_again(self, run: Forged) -> None:
        """Without a connection nothing has left the machine."""
        run.asked("PATCH", version='"1"', body=set_to(title="x"), status=0)
        run.asked("PATCH", version='"1"', body=set_to(title="x"))
        assert run.broken == []

    def test_two_writes_at_once_are_found(self, run: Forged) -> None:
        """One in flight per user."""
        run.ask("PATCH", version='"1"', body=set_to(title="x"))
        run.ask("PATCH", version='"1"', body=set_to(title="y"))
        assert run.broken == ["in flight"]

    def test_what_was_given_up_with_the_partition_isnt_in_flight(self, run: Forged) -> None:
        """It is another sink's by now, even if it comes back."""
        run.ask("PATCH", version='"1"', body=set_to(title="x"))
        run.acquired()
        run.commit()
        run.ask("PATCH", version='"1"', body=set_to(title="y"))
        assert run.broken == []

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("Users?filter=externalId%20eq%20%22U9%22", None),
            ("Users?filter=userName%20eq%20%22nina%40example.com%22", None),
            ("Users", {"externalId": "U9"}),
        ],
    )
    def test_whoever_never_was_in_scope_isnt_named(self, run: Forged, path: str, body: object) -> None:
        """People who aren't ours are nobody's business at Genesys."""
        run.asked("GET" if body is None else "POST", path, body=body)
        assert run.broken == ["scope"]

    def test_whoever_comes_into_scope_may_be_named(self, run: Forged) -> None:
        """From then on they are ours."""
        run.said(6, "U9", active=True)
        run.asked("GET", "Users?filter=externalId%20eq%20%22U9%22")
        assert run.broken == []

    def test_a_name_within_a_longer_one_is_another(self, run: Forged) -> None:
        """U99 isn't U9."""
        run.asked("GET", "Users?filter=externalId%20eq%20%22U99%22")
        assert run.broken == []


class TestConfirmations:
    def test_an_etag_that_was_read_after_the_last_transaction_is_found(self, run: Forged) -> None:
        """A sink that was paused would overwrite what its successor has written."""
        run.asked(etag='"7"')
        run.asked("PATCH", version='"7"', body=set_to(title="x"))
        assert run.broken == ["unconfirmed"]

    def test_an_etag_that_is_noted_needs_no_other_transaction(self, run: Forged) -> None:
        """It was in the log when the partition came."""
        run.asked(etag='"1"')
        run.asked("PATCH", version='"1"', body=set_to(title="x"))
        assert run.broken == []

    def test_an_etag_of_our_own_write_needs_no_other_transaction(self, run: Forged) -> None:
        """It names what this sink has written: nobody else has written since, or it wouldn't fit."""
        run.asked("PATCH", version='"1"', body=set_to(title="x"), etag='"2"')
        run.asked(etag='"2"')
        run.asked("PATCH", version='"2"', body=set_to(title="y"))
        assert run.broken == []

    def test_a_write_of_a_sink_that_has_committed_nothing_is_found(self, run: Forged) -> None:
        """Nobody has said yet that the partition is its own."""
        run.asked("PATCH", version='"1"', body=set_to(title="x"), by="sink1")
        assert run.broken == ["unconfirmed"]

    @pytest.mark.parametrize(("body", "broken"), [(set_to(title="x"), ["unconfirmed"]), (OUT, [])])
    def test_a_write_long_after_the_last_transaction_is_found(self, body: object, broken: list[str]) -> None:
        """Another sink may have the partition. Only a leaver doesn't wait until Kafka gets quicker."""
        now = 100.0
        run = Forged(now=lambda: now, fresh=3.1)
        run.acquired()
        now += 3.7
        run.asked("PATCH", version='"1"', body=body)
        assert run.broken == broken


class TestGuard:
    def leaver(self, run: Forged, number: int, said: str | None = "through", minute: int = 0) -> None:
        """Somebody who was told as revoked."""
        user, seq = f"V{number}", 10 + number
        run.said(seq, user, active=False)
        origin = {"topic": "events.hris", "partition": 0, "offset": seq, "appended": minute * 60_000}
        cause = {"source": "hris", "reason": None, "origin": origin}
        standing = None if said is None else {"said": said, "cause": cause}
        outcome = run.outcome(seq, "revoked", user, operations=["deactivate"])
        run.commit(outcome, run.delivery(seq, user, standing=standing))

    def test_half_of_the_threshold_may_be_of_one_cause(self) -> None:
        """A file with two leavers goes through."""
        run = Forged(guard=(4, 100))
        self.leaver(run, 1)
        self.leaver(run, 2)
        assert (run.broken, run.seen["guard through"]) == ([], 2)

    def test_more_of_one_cause_are_found(self) -> None:
        """A broken file must not log out a contact centre."""
        run = Forged(guard=(4, 100))
        for number in range(3):
            self.leaver(run, number)
        assert run.broken == ["guard"]

    def test_more_within_one_window_are_found(self) -> None:
        """Nor one that comes in slowly."""
        run = Forged(guard=(2, 100))
        for number in range(3):
            self.leaver(run, number, minute=number)
        assert run.broken == ["guard"]
        run = Forged(guard=(2, 100))
        for number in range(3):
            self.leaver(run, number, minute=11 * number)
        assert run.broken == []

    def test_released_ones_dont_count(self) -> None:
        """An operator has looked."""
        run = Forged(guard=(2, 100))
        for number in range(3):
            self.leaver(run, number, "released")
        assert run.broken == []

    def test_a_leaver_about_whom_nobody_was_asked_is_found(self) -> None:
        """Whoever isn't counted could be the thousandth."""
        run = Forged()
        self.leaver(run, 1, None)
        assert run.broken == ["guard"]

    def test_who_is_released_before_it_is_told_that_they_are_held_may_lose_access(self, run: Forged) -> None:
        """A sink obeys an order while its transaction is under way."""
        parked = {"code": "held", "attributes": {}, "desired": {"active": False}, "since": 1}
        standing = {"said": "held", "cause": {"source": "hris", "reason": None, "origin": {"appended": 0}}}
        run.record("streamproc.controls", USER, {"action": "release", "user": USER, "since": 1})
        run.commit(run.outcome(1, "held"), run.delivery(1, parked=parked, standing=standing), offset=2)
        number = run.ask("PATCH", body=OUT, seq=1, version='"1"')
        run.write(1, after={"active": False}, body=OUT, request_id=f"0-1-{number:08x}")
        assert run.broken == []

    def test_somebody_who_is_held_and_loses_access_is_found(self, run: Forged) -> None:
        """Held means held, until somebody has looked."""
        parked = {"code": "held", "attributes": {}, "desired": {"active": False}}
        standing = {"said": "held", "cause": {"source": "hris", "reason": None, "origin": {"appended": 0}}}
        before = run.ask("PATCH", body=OUT, seq=1, version='"1"')
        run.commit(run.outcome(1, "held"), run.delivery(1, parked=parked, standing=standing), offset=2)
        run.write(1, after={"active": False}, body=OUT, request_id=f"0-1-{before:08x}")
        assert run.broken == []  # by whoever let them through, and died; only then were they held
        run.answer(before)
        while_held = run.ask("PATCH", body=OUT, seq=1, version='"1"')
        run.write(1, after={"active": False}, body=OUT, request_id=f"0-1-{while_held:08x}")
        assert run.broken == ["guard"]
        run.record("streamproc.controls", USER, {"action": "release", "user": USER, "since": 1})
        run.answer(while_held)
        released = run.ask("PATCH", body=OUT, seq=1, version='"1"')
        run.write(1, before={"active": True}, after={"active": False}, body=OUT, request_id=f"0-1-{released:08x}")
        assert run.broken == ["guard"]
