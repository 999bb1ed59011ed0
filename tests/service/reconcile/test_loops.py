"""Somebody in Genesys who changes back what was put right: reconcile finds it, and the sink gives up in time."""

import asyncio

from streamproc.operators.loops import FrozenItem, frozen_items
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import person
from tests.support.reconciling import Compared
from tests.support.sinks_in_memory import PATIENCE

OURS, THEIRS = "e1@example.com", "boss@example.com"


async def email(compared: Compared) -> str:
    """Genesys's own pages call so what SCIM has as the userName."""
    return str((await compared.org.user())["userName"])


async def put_right_or_given_up(compared: Compared) -> list[FrozenItem]:
    """Wait until the sink has written it back, or doesn't any more. What is frozen then."""
    async with asyncio.timeout(PATIENCE):
        while True:
            frozen = await frozen_items(compared.log)
            if frozen or await email(compared) == OURS:
                return frozen
            await asyncio.sleep(0.02)


async def test_a_supervisor_with_a_client_of_their_own_changes_an_email_back_five_times(compared: Compared) -> None:
    """Three writes of ours; the case names their client and them, as the audit log does, and our event; a leaver's
    event is revoked meanwhile, and then nothing of it disagrees but what is frozen.
    """
    async with compared.sink(MemoryLog(compared.broker)), compared.reconcile():
        await compared.given("E1", **person("E1"))
        before = len(await compared.org.ledger())
        for _ in range(5):
            edit = {"user": "E1", "by": "Sue Visor", "client": "wallboard", "changes": {"email": THEIRS}}
            await compared.org.sim("POST", "edit", edit)
            frozen = await put_right_or_given_up(compared)
        writes = (await compared.org.ledger())[before:]
        (found,) = frozen
        theirs, ours = found.case.parties
        assert (found.item, found.case.writes) == ("userName", 3)
        assert len([each for each in writes if each["method"] == "PATCH"]) == 3
        assert await email(compared) == THEIRS
        assert "wallboard" in theirs.name
        assert "Sue Visor" in theirs.name
        assert len(theirs.times) == 4
        assert (ours.name, ours.by[0]) == ("hris", "event e1 at seq 1")
        seq = await compared.given("E1", active=False)
        assert (await compared.outcomes())["E1", seq] == "revoked"
        assert (await compared.org.user())["active"] is False
