"""Mistakes in what is told of what disagrees with the target, and in what operators may order of it."""

from typing import Final

from tests.judges.mutant import Mutant

OPERATORS: Final = "streamproc/operators/findings.py"
CONTROL: Final = "streamproc/core/records/control.py"
OF_OPERATORS: Final = ("tests/unit/operators/test_findings.py", "tests/property/operators/test_findings.py")
FOUND: Final = "streamproc/audit/asof/found.py"
OF_FOUND: Final = ("tests/unit/audit/asof/test_found.py",)
BACK: Final = "streamproc/audit/revocations/reactivations.py"
OF_BACK: Final = (
    "tests/unit/audit/revocations/test_reactivations.py",
    "tests/property/audit/revocations/test_reactivations.py",
)
REDACTED: Final = "streamproc/audit/evidence/redact_bundle.py"
OF_EVIDENCE: Final = ("tests/unit/audit/evidence/test_found.py",)

MUTANTS: Final = (
    Mutant("an incident is ignored", OPERATORS, "if finding.incident:", "if False:", OF_OPERATORS),
    Mutant("a user is deactivated", OPERATORS, "if finding.user is not None or", "if", OF_OPERATORS),
    Mutant("another user's account is adopted", OPERATORS, "if found.holder is not None:", "if False:", OF_OPERATORS),
    Mutant("a finding under another's key counts", OPERATORS, " or finding.key != key:", ":", OF_OPERATORS),
    Mutant("incidents stand among the others", OPERATORS, "not each[1].finding.incident, ", "", OF_OPERATORS),
    Mutant("an order waits for ever", OPERATORS, " and each.id not in self.answered", "", OF_OPERATORS),
    Mutant("an order waits though another finding came", CONTROL, "first <= order.since", "True", OF_OPERATORS),
    Mutant("an order of another topic counts", CONTROL, " and order.at >= finding.since - SKEW", "", OF_OPERATORS),
    Mutant(
        "as of tells what was found later",
        "streamproc/audit/asof/query.py",
        "                if logged.timestamp > self.at:\n                    break",
        "                if False:\n                    break",
        OF_FOUND,
    ),
    Mutant("as of tells orders about something else", FOUND, "if order.at >= self._first", "if True", OF_FOUND),
    Mutant("as of tells another's finding", FOUND, "if finding.key.encode() != logged.key:", "if False:", OF_FOUND),
    Mutant("an older page is another time", BACK, "finding.at > (case.stopped or 0)", "True", OF_BACK),
    Mutant("a repeated finding is another time", BACK, "case = _named(case, finding)", "yield case", OF_BACK),
    Mutant(
        "what ended by itself stays open", BACK, 'replace(case, state="nothing", stopped=at, why="")', "case", OF_BACK
    ),
    Mutant("a finding's place is in a redacted bundle", REDACTED, ", offset=NOWHERE)", ")", OF_EVIDENCE),
    Mutant(
        "an order's finding is in a redacted bundle",
        REDACTED,
        "or control.action in RECONCILE else",
        "else",
        OF_EVIDENCE,
    ),
    Mutant(
        "an account is in a redacted bundle",
        "streamproc/audit/evidence/redacted_orders.py",
        "account=None if control.account is None else words.word(control.account)",
        "account=control.account",
        OF_EVIDENCE,
    ),
    Mutant(
        "a topic without a right isn't there",
        "streamproc/archive/kafka_ranges.py",
        "[name for name in wanted if name not in LATER]",
        "[]",
        ("tests/unit/archive/test_kafka_ranges.py",),
    ),
)
