"""The doctor on sources that the simulator plays: credentials, hooks, subscriptions, clocks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streamproc.demo.directories import DOORS, pointed
from streamproc.doctor.line import Line
from tests.support.examined import Organization, organization
from tests.support.hr_vendors import VENDORS
from tests.support.hr_vendors import pointed as hr_pointed

CHOSEN = ("gateway", "hydrator")


async def wrong(there: Organization, chosen: Sequence[str] = CHOSEN, **settings: Any) -> dict[str, Line]:
    """Errors and warnings, by what they are about."""
    return {line.about: line for line in await there.wrong(chosen=chosen, **settings)}


async def test_healthy_sources_are_ok() -> None:
    """All four directories answer, also about nobody whom they know, and their clocks are right."""
    async with organization() as there:
        doors = {name: secret for name, secret in DOORS.items() if name != "entra_client_state"}  # nobody subscribed
        lines = await there.found(chosen=CHOSEN, **pointed(there.address) | doors)
        assert {line.severity for line in lines} == {"ok"}
        assert {line.about for line in lines if line.part == "sources"} >= {"okta", "entra", "pingone", "workday"}
        assert {line.about for line in lines if line.part == "clocks"} == {"okta", "entra", "pingone", "workday"}


@pytest.mark.parametrize(
    ("setting", "source"),
    [
        ("okta_token", "okta"),
        ("entra_client_secret", "entra"),
        ("pingone_client_secret", "pingone"),
        ("workday_password", "workday"),
    ],
)
async def test_credentials_that_arent_taken_are_named(setting: str, source: str) -> None:
    """The source, and which settings to look at; the others are as they were."""
    async with organization() as there:
        found = await wrong(there, **pointed(there.address) | {setting: "wrong"})
        assert [*found] == [source]
        assert found[source].severity == "error"
        assert f"STREAMPROC_{source.upper()}_" in found[source].do


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_hr_vendor_answers_or_is_named(vendor: str, tmp_path: Path) -> None:
    """Asked about nobody whom it knows. Gusto isn't asked: each use of its refresh token makes another."""
    async with organization() as there:
        settings = hr_pointed(there.address, vendor, tmp_path)
        assert await wrong(there, chosen=("hydrator",), **settings) == {}
        found = await wrong(there, chosen=("hydrator",), **settings | {"hris_secret": "wrong"})
        assert [*found] == ([] if vendor == "gusto" else ["hris"])
        assert all(line.severity == "error" for line in found.values())
        assert (tmp_path / "gusto-token").read_text() == "refresh-1"


async def test_a_subscription_that_isnt_there_is_named() -> None:
    """Graph would tell nobody; where there is one, until when is told."""
    async with organization() as there:
        url = f"{there.address}/v1/entra"
        settings = pointed(there.address) | DOORS | {"entra_notification_url": url}
        found = await wrong(there, **settings)
        assert found["hook of entra"].text == f"there is no subscription to {url}, or it has ended"


async def test_hooks_that_nobody_could_fetch_for_are_named() -> None:
    """A door for Okta's hooks, which say only who changed, without Okta's API."""
    async with organization() as there:
        found = await wrong(there, chosen=("gateway",), okta_hook_secret="secret-of-okta-12345")
        assert [*found] == ["okta"]
        assert "no directory is configured" in found["okta"].text


async def test_a_source_that_nothing_tells_of_is_named() -> None:
    """Neither a hook nor a synchronisation."""
    async with organization() as there:
        okta = {name: value for name, value in pointed(there.address).items() if name.startswith("okta")}
        found = await wrong(there, **okta, okta_sync_every=0)
        assert "nothing tells of its changes" in found["okta"].text


async def test_an_issuer_without_keys_is_named(tmp_path: Any) -> None:
    """A file or address that has none."""
    file = tmp_path / "keys.json"
    file.write_text('{"keys": []}')
    settings = {"set_issuer": "https://issuer", "set_audience": "us", "set_jwks": str(file)}
    async with organization() as there:
        found = await wrong(there, chosen=("gateway",), **settings)
        assert [*found] == ["keys of set"]
        file.unlink()
        assert "gives no keys" in (await wrong(there, chosen=("gateway",), **settings))["keys of set"].text
