"""SCIM over HTTP, as a client meets it."""

from pathlib import Path

from tests.support.front_door import front_door, until_served

USER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@example.com", "active": True}


async def test_a_user_is_made_read_and_deactivated(tmp_path: Path) -> None:
    """What a client does in a user's life is answered as RFC 7644 has it, with the URL that the client used."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        made = await running.send("POST", "/Users", USER)
        assert made.status == 201
        assert made.headers["content-type"].startswith("application/scim+json")
        where = f"{running.url}/Users/{made.body['id']}"
        assert made.headers["location"] == made.body["meta"]["location"] == where
        change = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        changed = await running.send("PATCH", f"/Users/{made.body['id']}", change)
        assert (changed.status, changed.body["active"]) == (200, False)
        assert (await running.send("DELETE", f"/Users/{made.body['id']}")).status == 204
        assert (await running.send("GET", f"/Users/{made.body['id']}")).status == 404
