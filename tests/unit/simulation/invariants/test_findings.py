"""What others do in the target: what the invariants say of it."""

from typing import Any

import pytest

from tests.support.forged_run import ACCOUNT, USER, Forged, set_to

SUE = {"name": "Sue Visor", "client": "admin-ui", "person": "p1", "at": 1, "entry": "e1"}


@pytest.fixture
def run() -> Forged:
    """U1 was delivered; U9 never is in scope."""
    run = Forged()
    run.acquired()
    run.said(0, active=True)
    run.change(5, "U9")
    run.operation(5, "U9", scope="never")
    run.commit(run.outcome(0), run.delivery(0), offset=1)
    return run


def difference(kind: str = "changed", **other: Any) -> dict[str, Any]:
    """One of a finding."""
    changed = SUE if kind == "changed" else None
    return {"attribute": "title", "kind": kind, "policy": "own", "reason": "why", "changed": changed} | other


def finding(*differences: dict[str, Any], user: str | None = USER, account: str = ACCOUNT) -> dict[str, Any]:
    """What is told of a user, or of an account of nobody's."""
    return {"user": user, "account": account, "differences": list(differences), "incident": False}


class TestFindings:
    def test_what_was_changed_is_told_and_over_in_the_end(self, run: Forged) -> None:
        """Who did it is named."""
        run.invariants.findings.edited(ACCOUNT, "Sue Visor", "admin-ui")
        run.record("scim.findings", USER, finding(difference()))
        run.record("scim.findings", USER, finding())
        run.invariants.findings.end()
        assert (run.broken, run.seen["finding closed"]) == ([], 1)

    def test_a_finding_that_is_never_closed_is_found(self, run: Forged) -> None:
        """What somebody changed by hand was left so, or nobody was told that it isn't."""
        run.record("scim.findings", USER, finding(difference("unknown")))
        run.invariants.findings.end()
        assert run.broken == ["finding"]

    @pytest.mark.parametrize("aside", [{"parked": {"attributes": {"title": "no"}}}, {"frozen": {"title": {}}}])
    def test_what_is_set_aside_may_stay_open(self, run: Forged, aside: dict[str, Any]) -> None:
        """An operator sees why it isn't put right."""
        run.record("scim.findings", USER, finding(difference("pending")))
        run.commit(run.outcome(0, since=-1), run.delivery(0, **aside))
        run.invariants.findings.end()
        assert "finding" not in run.broken

    def test_what_our_own_client_seems_to_have_written_may_not_stay_so(self, run: Forged) -> None:
        """Somebody else has our credentials: that it was us is no reason."""
        run.record("scim.findings", USER, finding(difference("pending", changed=SUE | {"client": "demo"})))
        run.commit(run.outcome(0, since=-1), run.delivery(0, parked={"attributes": {"manager": "no"}}))
        run.invariants.findings.end()
        assert "finding" in run.broken

    def test_whoever_is_accused_and_did_nothing_is_found(self, run: Forged) -> None:
        """A supervisor would have to answer for what somebody else did."""
        run.invariants.findings.edited(ACCOUNT, "Tim Leader", "wallboard")
        run.record("scim.findings", USER, finding(difference()))
        assert run.broken == ["finding"]

    def test_whoever_never_was_in_scope_is_told_of_by_no_finding(self, run: Forged) -> None:
        """They aren't ours to tell of."""
        run.record("scim.findings", "U9", finding(difference("missing"), user="U9"))
        assert run.broken == ["finding"]


class TestStrangers:
    def test_an_account_of_nobodys_is_told_and_left_alone(self, run: Forged) -> None:
        """An operator decides what becomes of it."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.record("scim.findings", "account/robot", finding(difference("orphan"), user=None, account="robot"))
        run.invariants.findings.end()
        assert run.broken == []

    def test_one_that_is_told_by_nothing_is_found(self, run: Forged) -> None:
        """Nobody would know of it."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.invariants.findings.end()
        assert run.broken == ["finding"]

    def test_a_request_that_names_one_is_found(self, run: Forged) -> None:
        """It is a person of whom no source of ours has told."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.ask("GET", "Users/robot")
        assert run.broken == ["stranger"]

    def test_a_write_to_one_is_found(self, run: Forged) -> None:
        """Somebody who isn't ours would lose access."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.write(0, account="robot", body=set_to(active=False))
        assert run.broken[0] == "stranger"

    def test_whose_access_an_operator_takes_may_be_named_and_written(self, run: Forged) -> None:
        """By reconcile alone, and only `active`."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.record("streamproc.controls", "account/robot", {"action": "deactivate", "account": "robot"})
        run.write(0, account="robot", request_id="reconcile-7", body=set_to(active=False))
        assert run.broken == []
        run.write(0, account="robot", request_id="reconcile-8", body=set_to(title="x"))
        assert run.broken == ["stranger"]

    def test_a_write_of_reconcile_that_nobody_has_ordered_is_found(self, run: Forged) -> None:
        """It compares, and changes nothing by itself."""
        run.write(0, request_id="reconcile-7", body=set_to(active=False))
        assert run.broken == ["stranger"]

    def test_an_order_that_comes_to_nothing_is_found(self, run: Forged) -> None:
        """The operator waits, and the account keeps its access."""
        run.invariants.findings.edited("robot", None, "wfm-sync", stranger=True)
        run.record("scim.findings", "account/robot", finding(difference("orphan"), user=None, account="robot"))
        run.record("streamproc.controls", "account/robot", {"action": "deactivate", "account": "robot"})
        run.invariants.findings.end()
        assert run.broken == ["finding"]


def test_who_was_deleted_by_hand_may_be_created_once_more(run: Forged) -> None:
    """The same request for the same event isn't a second account then."""
    run.write(0, method="POST", account="a", request_id="0-0-aa")
    run.write(-1, account="a", after={"active": False, "_state": "deleted"}, request_id="sue", version=None)
    seen = len(run.broken)
    run.write(0, method="POST", account="b", request_id="0-0-aa")
    assert "twice" not in run.broken[seen:]


def test_who_was_deleted_by_hand_may_be_taken_out_of_a_group_until_they_are_there_again(run: Forged) -> None:
    """Whoever hasn't seen that they are gone takes them out of a group in which nobody has them any more."""
    run.write(0, method="POST", account="a", request_id="0-0-aa")
    run.write(-1, account="a", after={"active": False, "_state": "deleted"}, request_id="sue", version=None)
    seen = len(run.broken)
    run.write(0, account="a", group="g1", changed=False, request_id="0-0-bb")
    assert "twice" not in run.broken[seen:]
    run.write(0, method="POST", account="b", request_id="0-0-cc")
    run.write(0, account="b", group="g1", changed=False, request_id="0-0-dd")
    assert "twice" in run.broken[seen:]
