"""What was found in the target, in a bundle: what it led to and what was ordered of it; a redacted one names nobody."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streamproc.audit.evidence.format import CONTROLS, OUTCOMES
from streamproc.audit.evidence.scope import Scope
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.finding import LOOK
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from tests.support.altered_bundles import values
from tests.support.bundles import Files, made, verified
from tests.support.logs import Log
from tests.support.stories import MAPPING, person

REDACTED = b"r" * 32
PLACE = 987_654
KIM, ACCOUNT = "Kim Berg", "g-account-7"


def told() -> Log:
    """Somebody whose account was adopted, was activated again by hand, and of whom two findings were answered."""
    log = Log(MAPPING)
    seq = log.say("A", person("leaver"), kind="snapshot")
    log.tell("A", seq, "parked", operations=[])
    adopt = Control("adopt-A", "adopt", "A", seq, KIM, "the same person", Millis(log.clock), account=ACCOUNT)
    again: dict[str, Any] = {"final": False, "effect": "unchanged"}
    log.tell("A", seq, "delivered", cause=log.by_order(adopt, log.order(adopt)), **again)
    left = log.say("A", {"active": False})
    log.tell("A", left, "revoked", read_back=Millis(log.clock))
    look = Cause("streamproc", LOOK, Origin(FINDINGS, 3, PLACE, Millis(log.clock)), f"active was changed by {KIM}")
    log.tell("A", left, "revoked", cause=look, read_back=Millis(log.clock), **again)
    log.order(Control("ignore-A", "ignore", "A", PLACE, KIM, "asked them", Millis(log.clock)))
    log.order(Control("unfreeze-A", "unfreeze", "A", None, KIM, "settled", Millis(log.clock), attribute="title"))
    return log


def bundle(redact: bytes | None = None) -> Files:
    """Of that user."""
    return made(told(), Scope(("A",)), redact=redact)


@pytest.mark.parametrize("redact", [None, REDACTED], ids=["plain", "redacted"])
def test_looks_and_orders_verify(redact: bytes | None) -> None:
    """What the sink did since a finding named the user, or an operator gave them an account, has its cause."""
    files = bundle(redact)
    assert verified(files).equal
    assert [each["action"] for each in values(files, CONTROLS)] == ["adopt", "ignore", "unfreeze"]
    assert [each["cause"]["event"] == LOOK for each in values(files, OUTCOMES)].count(True) == 1


def test_a_redacted_bundle_names_neither_who_nor_which_account_nor_where() -> None:
    """Nor can the place of a finding be looked up, in the topic or in an order about it."""
    files = bundle(REDACTED)
    whole = b"".join(files[name] for name in files.names)
    for name in (KIM, ACCOUNT, str(PLACE), "asked them", "the same person"):
        assert name.encode() not in whole
    assert [each["since"] for each in values(files, CONTROLS) if each["action"] == "ignore"] == [0]
    assert any(name.encode() in b"".join(bundle()[each] for each in bundle().names) for name in (KIM, ACCOUNT))


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ('"action":"adopt","user":"A"', '"action":"adopt","user":"B"'),
        ('"the same person"', '"another reason"'),
        (orjson.dumps(FINDINGS).decode(), '"identity.changes"'),
    ],
)
def test_a_cause_that_nobody_gave_is_found(said: str, instead: str) -> None:
    """An account can't be passed off as given by an operator, nor a look as one that a finding led to."""
    log = told()
    log.records[:] = [
        replace(each, value=each.value and each.value.replace(said.encode(), instead.encode())) for each in log.records
    ]
    assert not verified(made(log, Scope(("A",)))).equal
