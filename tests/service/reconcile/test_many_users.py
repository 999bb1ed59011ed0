"""Two thousand people, and two hundred disagreements of all classes: each is found, and nothing else."""

import pytest

from tests.support.reconciling import Compared, impatient, populate

MANY, EACH = 2_000, 40


async def test_every_seeded_difference_is_found_with_its_class_and_nothing_else(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed, incidents, orphans, missing, on their way: by a page of 25 each, and one look at each that differs."""
    impatient(monkeypatch)
    ids = await populate(compared, MANY)
    users = iter(ids)
    wanted: dict[str, dict[str, str]] = {}
    for number in range(EACH):
        user = next(users)
        await compared.edit(user, title=f"Boss {number}")
        wanted[user] = {"title": "changed"}
        user = next(users)
        await compared.edit(user, state="inactive")
        wanted[user] = {"active": "changed"}
        user = next(users)
        await compared.org.call("DELETE", f"Users/{ids[user]}")
        wanted[user] = {"account": "missing"}
        user = next(users)
        await compared.say(user, department="Care")
        wanted[user] = {"department": "pending"}
    made = [{"userName": f"robot{number}@example.com", "displayName": "Robot"} for number in range(EACH)]
    orphans = (await compared.org.sim("POST", "users", {"users": made, "by": "Seed"}))["ids"]
    wanted |= {f"account/{account}": {"account": "orphan"} for account in orphans}
    summary = await compared.once()
    found = {each.key: {one.attribute: one.kind for one in each.differences} for each in summary.disagreements}
    assert found == wanted
    assert summary.accounts == MANY
    pages, looks, audits = MANY // 25 + 3, 4 * EACH, 2 * 2 * EACH + 1
    assert summary.requests <= pages + looks + audits
    assert await compared.found() == wanted
