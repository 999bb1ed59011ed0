"""The invariants of the log: chains, fates, inputs, and what is committed. Each fails for a history that breaks it."""

from tests.support.forged_run import USER, Forged


class TestChain:
    def test_two_records_that_follow_each_other_are_fine_and_so_is_a_repeat(self) -> None:
        """A worker that was killed says once more what it had said: nobody is called for that."""
        run = Forged()
        run.said(0, active=True)
        run.change(1)
        value = run.operation(1, active=False)
        run.record("scim.operations", USER, value)
        assert (run.broken, run.seen["chain record"], run.seen["chain repeat"]) == ([], 2, 1)

    def test_another_record_at_the_same_seq_is_found(self) -> None:
        """Two workers that make different things of one event would show as two histories of one user."""
        run = Forged()
        run.said(0, active=True)
        run.operation(0, link=(-1, ""), active=False)
        assert run.broken == ["chain"]

    def test_a_record_that_passes_one_over_is_found(self) -> None:
        """A lost update could let a leaver in again."""
        run = Forged()
        run.said(0, active=True)
        first = run._hashes[USER]
        run.said(1, active=False)
        run.change(2)
        run.operation(2, link=first, active=True)
        assert run.broken == ["chain"]

    def test_a_record_that_comes_too_late_is_found(self) -> None:
        """An event that was folded after a younger one had been would change what the younger one said."""
        run = Forged()
        run.change(0)
        run.said(1, active=False)
        run.operation(0, link=(-1, ""), active=True)
        assert run.broken == ["chain"]

    def test_a_seq_that_is_nobodys_event_is_found(self) -> None:
        """A record must name the event that it comes from, or nobody can tell why somebody has access."""
        run = Forged()
        run.change(0, "U2")
        run.operation(0, active=True)
        assert run.broken == ["chain"]

    def test_a_hash_that_is_wrong_is_found(self) -> None:
        """Evidence rests on the hashes."""
        run = Forged()
        run.change(0)
        value = run.operation(0, active=True)
        other = Forged()
        other.change(0)
        other.record("scim.operations", USER, value.replace(b"hris", b"okta"))
        assert other.broken == ["chain"]


class TestFates:
    def test_a_fate_for_each_is_fine(self) -> None:
        """What came, and how it ended, add up."""
        run = Forged()
        run.said(0, active=True)
        run.said(1, active=True)
        run.commit(run.outcome(0, "superseded"), run.outcome(1), run.delivery(1), offset=2)
        run.invariants.fates.end()
        assert (run.broken, run.seen["fate delivered"], run.seen["fate superseded"]) == ([], 1, 1)

    def test_what_compaction_took_away_is_told_together(self) -> None:
        """One line may tell the fate of several events, which nobody can read any more."""
        run = Forged()
        for seq in range(4):
            run.said(seq, active=True)
        run.commit(run.outcome(0), run.outcome(2, "superseded", since=0), run.outcome(3), run.delivery(3), offset=4)
        run.invariants.fates.end()
        assert run.broken == []

    def test_an_offset_may_pass_what_compaction_took_away(self) -> None:
        """Whoever reads what is left tells the fates of the rest together, when the newer one ends."""
        run = Forged()
        for seq in range(3):
            run.said(seq, active=True)
        run.removed("scim.operations", 0, 1)
        run.commit(offset=2)
        run.commit(run.outcome(1, "superseded", since=-1), run.outcome(2), run.delivery(2), offset=3)
        run.invariants.fates.end()
        assert run.broken == []

    def test_two_fates_of_one_event_are_found(self) -> None:
        """Counted twice, an event would hide one that was dropped."""
        run = Forged()
        run.said(0, active=True)
        run.commit(run.outcome(0), run.delivery(0), offset=1)
        run.commit(run.outcome(0, "no-op"))
        assert run.broken == ["fate"]

    def test_what_is_told_together_and_was_told_before_is_found(self) -> None:
        """The same, where a line is about several."""
        run = Forged()
        for seq in range(3):
            run.said(seq, active=True)
        run.commit(run.outcome(0), run.outcome(1, "superseded", since=-1), run.outcome(2))
        assert run.broken == ["fate"]

    def test_a_fate_of_nothing_is_found(self) -> None:
        """Nobody is told of what never came."""
        run = Forged()
        run.commit(run.outcome(7))
        assert run.broken == ["fate"]

    def test_an_event_without_a_fate_is_found_at_the_end(self) -> None:
        """Somebody's change is dropped, and no line says so."""
        run = Forged()
        run.said(0, active=True)
        run.invariants.end()
        assert "fate" in run.broken

    def test_a_delivery_ahead_of_its_fates_is_found(self) -> None:
        """After a crash nobody would tell the fate of what the newer state has passed over."""
        run = Forged()
        run.said(0, active=True)
        run.said(1, active=True)
        run.commit(run.outcome(1), run.delivery(1))
        assert run.broken == ["fate"]

    def test_an_offset_ahead_of_the_fates_is_found(self) -> None:
        """A sink that dies then leaves an event that nobody takes up."""
        run = Forged()
        run.said(0, active=True)
        run.said(1, active=False)
        run.commit(run.outcome(0), run.delivery(0), offset=2)
        assert run.broken == ["commit"]

    def test_what_was_aborted_tells_nothing(self) -> None:
        """Lines of a sink that was fenced were never said."""
        run = Forged()
        run.said(0, active=True)
        run.outcome(0)
        run.invariants.fates.end()
        assert run.broken == ["fate"]


class TestInputs:
    def raw(self, run: Forged) -> None:
        run.record("events.hris", USER, {"id": "e1"})

    def test_what_led_to_a_change_or_a_rejection_may_be_committed(self) -> None:
        """Each record of a source ends somewhere."""
        run = Forged()
        self.raw(run)
        self.raw(run)
        run.change(0, raw=0)
        run.record("events.rejected", "", {"topic": "events.hris", "partition": 0, "offset": 1})
        run.consumed("streamproc-worker", "events.hris", 2)
        run.operation(0, active=True)
        run.consumed("streamproc-worker", "identity.changes", 1)
        run.invariants.inputs.end()
        assert (run.broken, run.seen["commit of events.hris"]) == ([], 1)

    def test_a_raw_record_that_is_committed_before_its_change_is_there_is_found(self) -> None:
        """A worker that dies then loses what the source has said."""
        run = Forged()
        self.raw(run)
        run.consumed("streamproc-worker", "events.hris", 1)
        assert run.broken == ["commit"]

    def test_a_change_that_is_committed_before_its_record_is_there_is_found(self) -> None:
        """The same, one step on: a leaver's event would never be folded."""
        run = Forged()
        run.change(0)
        run.consumed("streamproc-worker", "identity.changes", 1)
        assert run.broken == ["commit"]

    def test_a_forwarded_record_that_no_link_has_taken_in_is_found(self) -> None:
        """What a directory says of a linked person would be lost."""
        run = Forged()
        for offset in (3, 3, 4):  # the second is a repeat after a crash
            place = b"events.okta/0/%d/1000" % offset
            run.record("streamproc.forwarded", "s1", [], headers=[("streamproc-forwarded", place)])
        origin = {"topic": "streamproc.forwarded", "partition": 0, "offset": 0}
        run.record("identity.links", "okta/s1", {"subject": "s1", "origin": origin, "ordered": None})
        run.consumed("streamproc-worker", "streamproc.forwarded", 2)
        assert run.broken == []
        run.consumed("streamproc-worker", "streamproc.forwarded", 3)
        assert run.broken == ["commit"]

    def test_what_nobody_has_taken_up_is_found_at_the_end(self) -> None:
        """An input that stays where it is, is dropped without a word."""
        run = Forged()
        self.raw(run)
        run.invariants.end()
        assert run.broken == ["input"]
