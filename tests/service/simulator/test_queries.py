"""Filters, pages, projection, and reads that lag behind writes."""

from urllib.parse import quote

import pytest

from tests.support.organization import ENTERPRISE, GENESYS, Clock, Org, Start, find


async def test_each_documented_filter_finds_the_user(org: Org) -> None:
    """Values may be quoted or bare, names in any case; both path versions and both spellings of users answer."""
    boss = await org.user("boss")
    made = await org.user(
        "ada",
        emails=[{"value": "work@example.com", "type": "work"}],
        **{ENTERPRISE: {"manager": {"value": boss["id"]}, "division": "Care", "employeeNumber": "42"}},
    )
    await org.patch(made["id"], ("add", f"{GENESYS}:externalIds", [{"authority": "hr", "value": "k1"}]))
    for text in (
        f"id eq {made['id']}",
        'userName eq "ADA@example.com"',
        "externalid eq ada",
        "email eq work@example.com",
        f"manager eq {boss['id']}",
        "division EQ Care",
        "employeeNumber eq 42",
        f'{GENESYS}:externalIds[authority eq "hr" and value eq "k1"]',
    ):
        for root, name in (("/api/v2/scim/v2/", "Users"), ("/api/v2/scim/", "users")):
            answer = await org.call("GET", f"{name}?filter={quote(text)}", root=root)
            assert [found["id"] for found in answer.body["Resources"]] == [made["id"]], text


@pytest.mark.parametrize(
    "text",
    ["title eq x", "userName co x", "userName eq a and id eq b", "userName", 'userName eq "a" "b"', "active eq 1"],
)
async def test_any_other_filter_is_invalid(org: Org, text: str) -> None:
    """Only a single eq on a documented attribute is a filter."""
    assert (await org.call("GET", f"Users?filter={quote(text)}")).body["scimType"] == "invalidFilter"


@pytest.mark.parametrize("on", [False, True])
async def test_a_group_is_found_by_a_member_only_where_that_is_switched_on(start: Start, on: bool) -> None:
    """Genesys documents no such filter; servers that follow RFC 7644 have it."""
    org = await start(filter_by_member=on)
    group, user = await org.group("Supervisors"), (await org.user("ada"))["id"]
    await org.patch(group, ("add", "members", [{"value": user}]), to="Groups")
    texts = [quote(f'id eq "{group}" and members.value eq "{who}"') for who in (user, "nobody")]
    answers = [(await org.call("GET", f"Groups?filter={text}")).body for text in texts]
    found = [answer.get("totalResults", answer.get("scimType")) for answer in answers]
    assert found == ([1, 0] if on else ["invalidFilter"] * 2)


async def test_listing_shows_active_users_in_pages(start: Start) -> None:
    """No filter means active users only, 25 a page; count=0 gives the total; count is capped."""
    org = await start(max_page_size=28)
    for n in range(30):
        await org.user(f"u{n}", active=n > 0)
    first = (await org.call("GET", "Users")).body
    assert (first["totalResults"], first["startIndex"], first["itemsPerPage"]) == (29, 1, 25)
    rest = (await org.call("GET", "Users?startIndex=26")).body
    names = {user["userName"] for user in first["Resources"] + rest["Resources"]}
    assert len(names) == 29
    assert (await org.call("GET", "Users?count=500")).body["itemsPerPage"] == 28
    assert (await org.call("GET", "Users?count=0")).body.keys() == {"schemas", "totalResults"}
    assert (await org.call("GET", "Users?count=x")).status == 400
    inactive = (await org.call("GET", "Users?filter=active%20eq%20false")).body
    assert [user["displayName"] for user in inactive["Resources"]] == ["u0"]
    assert (await org.call("GET", find("externalId", "u0"))).body["totalResults"] == 1
    await org.sim("POST", "config", {"filter_finds_inactive": False, "heavy_page_429": True})
    assert (await org.call("GET", find("externalId", "u0"))).body["totalResults"] == 0
    assert (await org.call("GET", "Users?count=26")).status == 429
    assert (await org.call("GET", "Users?count=26&attributes=displayName")).status == 200


async def test_projection_keeps_what_is_always_returned(org: Org) -> None:
    """The parameters attributes and excludedAttributes choose, but id, userName, active and meta stay."""
    made = await org.user("ada", title="Dr", **{ENTERPRISE: {"department": "Care"}})
    only = (await org.call("GET", f"Users/{made['id']}?attributes=title,{ENTERPRISE}:department")).body
    assert only.keys() == {"id", "schemas", "userName", "active", "meta", "title", ENTERPRISE}
    assert only[ENTERPRISE] == {"department": "Care"}
    less = (await org.call("GET", f"Users/{made['id']}?excludedAttributes=title,userName,{GENESYS}")).body
    assert made.keys() - less.keys() == {"title", GENESYS}
    assert (await org.call("GET", f"Users/{made['id']}?attributes=shoeSize")).status == 400


async def test_reads_by_filter_can_lag_behind_writes(start: Start, clock: Clock) -> None:
    """With search_lag_ms the user is there by id at once but by filter only later, and the same for its changes."""
    org = await start(search_lag_ms=150)
    made = await org.user("ada")
    assert (await org.call("GET", f"Users/{made['id']}")).status == 200
    assert (await org.call("GET", find("externalId", "ada"))).body["totalResults"] == 0
    clock.now += 0.15
    assert (await org.call("GET", find("externalId", "ada"))).body["totalResults"] == 1


async def test_pages_keep_their_order_while_users_change(org: Org) -> None:
    """A change of a value moves nobody; who leaves is gone from the active and last of the inactive, and comes back."""
    ids = [(await org.user(f"u{n}", active=n != 1))["id"] for n in range(5)]

    async def listed(query: str) -> list[str]:
        answer = (await org.call("GET", f"Users?{query}")).body
        assert answer["totalResults"] == len(answer["Resources"])
        return [user["displayName"] for user in answer["Resources"]]

    await org.patch(ids[0], ("replace", "title", "Dr"))
    assert await listed("filter=active%20eq%20true") == ["u0", "u2", "u3", "u4"]
    await org.patch(ids[2], ("replace", "active", False))
    assert await listed("") == ["u0", "u3", "u4"]
    assert await listed("filter=active%20eq%20false") == ["u1", "u2"]
    await org.patch(ids[1], ("replace", "active", True))
    await org.call("DELETE", f"Users/{ids[3]}")
    assert await listed("filter=active%20eq%20true") == ["u0", "u4", "u1"]
    assert (await org.call("GET", "Users?startIndex=2&count=1")).body["Resources"][0]["displayName"] == "u4"
