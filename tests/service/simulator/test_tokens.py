"""The token endpoint: client credentials, errors, expiry."""

import pytest

from tests.support.organization import Clock, Org, Start, basic


@pytest.mark.parametrize("how", ["basic", "form"])
async def test_a_token_is_granted_for_either_form_of_client_credentials(org: Org, how: str) -> None:
    """RFC 6749 §2.3.1 allows both, and the lifetime is said as configured."""
    form = {"grant_type": "client_credentials"}
    headers = basic("demo") if how == "basic" else {}
    if how == "form":
        form |= {"client_id": "demo", "client_secret": "demo"}
    async with org.client.post("/oauth/token", data=form, headers=headers) as answer:
        body = await answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 86400)
    assert body["access_token"] != org.token


@pytest.mark.parametrize(
    ("secret", "grant", "status", "error"),
    [
        ("wrong", "client_credentials", 401, "invalid_client"),
        ("demo", "password", 400, "unsupported_grant_type"),
        ("demo", None, 400, "invalid_request"),
    ],
)
async def test_a_bad_token_request_gets_the_oauth_error(
    org: Org, secret: str, grant: str | None, status: int, error: str
) -> None:
    """A client can tell a wrong secret from a wrong request by RFC 6749's codes."""
    form = {"grant_type": grant} if grant else {}
    async with org.client.post("/oauth/token", data=form, headers=basic(secret)) as answer:
        assert (answer.status, (await answer.json())["error"]) == (status, error)


async def test_tokens_expire_and_are_counted(start: Start, clock: Clock) -> None:
    """A token outlived gets the platform's 401, and /_sim/ tells how many tokens were asked for."""
    org = await start(token_ttl_s=60)
    clock.now += 59.9
    assert (await org.call("GET", "Users")).status == 200
    clock.now += 0.1
    refused = await org.call("GET", "Users")
    assert (refused.status, refused.body["status"]) == (401, 401)
    assert refused.body["contextId"] == refused.headers["ININ-Correlation-Id"]
    await org.log_in()
    assert (await org.call("GET", "Users")).status == 200
    assert (await org.sim("GET", "requests"))["token_requests"] == 2


async def test_a_client_of_elsewhere_is_not_found(org: Org) -> None:
    """As in a region that isn't the organisation's; with which status is a switch. A rule fails the endpoint itself."""

    async def refused(client: str) -> tuple[int, str]:
        form = {"grant_type": "client_credentials"}
        async with org.client.post("/oauth/token", data=form, headers=basic("secret", client)) as answer:
            body = await answer.json()
            return answer.status, body.get("error_description") or body["code"]

    assert await refused("elsewhere") == (400, "client not found")
    assert await refused("demo") == (401, "authentication failed")
    await org.sim("POST", "config", {"unknown_client": 401})
    assert await refused("elsewhere") == (401, "client not found")
    await org.sim("POST", "faults", {"faults": [{"kind": "503_before", "path": "oauth"}]})
    assert await refused("demo") == (503, "service.unavailable")
