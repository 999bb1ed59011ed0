"""The target: do its addresses fit together, does it know us, and is it what we take it for?"""

from collections.abc import Iterator
from typing import Any, Final

from yarl import URL

from streamproc.core.scim.response_body import total_results
from streamproc.core.scim.response_policy import Response, describe
from streamproc.doctor.asking import Target
from streamproc.doctor.line import Line
from streamproc.settings import TargetSettings
from streamproc.settings.urls import this_machine

REGIONS: Final = (
    "mypurecloud.com use2.us-gov-pure.cloud usw2.pure.cloud cac1.pure.cloud sae1.pure.cloud mxc1.pure.cloud",
    "mypurecloud.ie euw2.pure.cloud mypurecloud.de euc2.pure.cloud edee1.eusc-pure.cloud mec1.pure.cloud",
    "mypurecloud.jp apne2.pure.cloud apne3.pure.cloud aps1.pure.cloud apse1.pure.cloud mypurecloud.com.au",
)
"""Domains of Genesys Cloud's regions (purecloudplatformclientv2 269.0.0, purecloud_region_hosts)."""
LEAST_LEFT: Final = 0.1
"""Share of the rate limit below which somebody else seems to use it."""
NAMESPACES: Final = ("scim", "platform.api")


def addresses(target: TargetSettings, platform_url: str) -> Iterator[Line]:
    """Whether the three URLs are of one region, and what they are to end with."""
    if target.dialect != "genesys":
        return
    urls = {
        "STREAMPROC_SCIM_URL": (URL(target.scim_url), "api.", ("/api/v2/scim/v2", "/api/v2/scim")),
        "STREAMPROC_PLATFORM_URL": (URL(platform_url), "api.", ("/api/v2",)),
    }
    if target.token is None:
        urls["STREAMPROC_TOKEN_URL"] = (URL(target.token_url), "login.", ("/oauth/token",))
    found = list(_paths(urls))
    hosts = {name: url.host or "" for name, (url, _, _) in urls.items()}
    if all(map(this_machine, hosts.values())):
        yield from found or [Line("ok", "target", "addresses", "on this machine")]
        return
    regions = {name: hosts[name].removeprefix(prefix) for name, (_, prefix, _) in urls.items()}
    for name, (_, prefix, _) in urls.items():
        if not hosts[name].startswith(prefix):
            do = f"it is https://{prefix}REGION..."
            found.append(Line("error", "target", name, f"{hosts[name]} doesn't begin with {prefix}", do))
    if len(set(regions.values())) > 1:
        text = "of different regions: " + ", ".join(f"{name} {region}" for name, region in regions.items())
        do = "set all of them to the region of the organization, as in the address at which people log in"
        found.append(Line("error", "target", "addresses", text, do))
    elif (region := next(iter(regions.values()))) not in " ".join(REGIONS).split():
        text = f"{region} is none of the regions that are known here"
        found.append(Line("warning", "target", "addresses", text, "see whether it is spelled right"))
    yield from found or [Line("ok", "target", "addresses", f"all of region {next(iter(regions.values()))}")]


def _paths(urls: dict[str, tuple[URL, str, tuple[str, ...]]]) -> Iterator[Line]:
    for name, (url, _, ends) in urls.items():
        if url.path.rstrip("/") not in ends:
            yield Line("error", "target", name, f"its path is {url.path}", f"it ends with {ends[0]}")


ME: Final = "/tokens/me"


def is_known(me: Response | None) -> bool:
    """Whether it makes sense to ask more, by the answer to `ME`; None: there is nobody to ask that."""
    return me is None or me.status not in {None, 401}


async def known(target: Target, settings: TargetSettings, me: Response | None) -> list[Line]:
    """Whether we get a token, whose it is, and whether both APIs take it. `me`: as in `is_known`."""
    config = await target.of_scim("/ServiceProviderConfig")
    for answer in (me, config):
        if answer is not None and answer.trouble == "token":
            return [Line("error", "target", "token", answer.error or "there is none", _RENEW)]
    lines = [] if me is None else list(_token(me, settings))
    return [*lines, *_config(config), *_users(await target.of_scim("/Users?count=0"))]


_RENEW: Final = (
    "STREAMPROC_CLIENT_ID, STREAMPROC_CLIENT_SECRET and STREAMPROC_TOKEN_URL are of one OAuth client, with the grant "
    "client credentials, in the organization's own region; have a new secret made where it has expired"
)
_REFUSED: Final = (
    "a token of one region is refused in another: see whether the address is that of the organization that has the "
    "OAuth client"
)


def _says_nothing(setting: str, answer: Response) -> Line | None:
    """The line where nothing can be learned from an answer. `setting`: the address that was asked."""
    if answer.status == 401:
        return Line("error", "target", setting, f"refuses the token: {describe(answer)}", _REFUSED)
    if answer.status is None:
        text = f"doesn't answer: {describe(answer)}"
        return Line("error", "target", setting, text, "see whether address, proxy and CA are right")
    return None


def _token(me: Response, settings: TargetSettings) -> Iterator[Line]:
    if nothing := _says_nothing("STREAMPROC_PLATFORM_URL", me):
        yield nothing
        return
    organization, client = _object(me.body, "organization"), _object(me.body, "OAuthClient")
    if me.status != 200 or not organization:
        text = f"/tokens/me doesn't tell whose the token is: {describe(me)}"
        yield Line(
            "warning", "target", "token", text, "see whether STREAMPROC_PLATFORM_URL is https://api.REGION/api/v2"
        )
        return
    whose = f"organization {_named(organization)}, OAuth client {_named(client) if client else 'not told'}"
    yield Line("ok", "target", "token", whose)
    ours = str(client.get("id") or settings.client_id)
    if settings.token is None and ours != settings.client_id:
        text = f"it is of OAuth client {ours}, and STREAMPROC_CLIENT_ID is {settings.client_id}"
        yield Line("warning", "target", "token", text, "see who answers at STREAMPROC_TOKEN_URL")
    if ends := client.get("dateToDelete"):
        text = f"the OAuth client is going to be deleted at {ends}"
        yield Line("warning", "target", "token", text, "have another one made, and set it before that")


def _config(config: Response) -> Iterator[Line]:
    if nothing := _says_nothing("STREAMPROC_SCIM_URL", config):
        yield nothing
        return
    patch, found = _object(config.body, "patch"), _object(config.body, "filter")
    if config.status != 200 or not patch:
        text = f"shows no ServiceProviderConfig: {describe(config)}"
        do = "it is the root of SCIM, https://api.REGION/api/v2/scim/v2"
        yield Line("error" if config.status == 404 else "warning", "target", "STREAMPROC_SCIM_URL", text, do)
        return
    lines = []
    for name, said, why in (
        ("patch", patch, "changes are sent by PATCH"),
        ("filter", found, "users are looked up by their names"),
    ):
        if said.get("supported") is False:
            text = f"says that it can't do {name}, and {why}"
            lines.append(Line("error", "target", "ServiceProviderConfig", text, "see whether this is the right server"))
    if _object(config.body, "etag").get("supported") is False:
        text = "says that it has no ETags: what others change between our reading and writing isn't noticed"
        lines.append(Line("warning", "target", "ServiceProviderConfig", text))
    yield from lines or [Line("ok", "target", "ServiceProviderConfig", "PATCH, filters and ETags, as expected")]


def _users(answer: Response) -> Iterator[Line]:
    """Whether users may be listed, how many there are, and what is left of the rate limit."""
    if answer.status == 403:
        do = "give the OAuth client the role that `streamproc doctor --role` prints"
        yield Line("error", "target", "users", f"the OAuth client may not list them: {describe(answer)}", do)
    elif answer.status == 200 and (total := total_results(answer.body)) is not None:
        yield Line("ok", "target", "users", f"{total} active")
    try:
        count, allowed = (int(answer.headers[f"inin-ratelimit-{name}"]) for name in ("count", "allowed"))
    except (KeyError, ValueError):
        return
    if allowed <= 0:
        return
    if allowed - count < LEAST_LEFT * allowed:
        text = f"{count} of {allowed} requests of this window are used already"
        do = "see who else uses this OAuth client: each SCIM client should have one of its own"
        yield Line("warning", "target", "rate limit", text, do)
    else:
        yield Line("ok", "target", "rate limit", f"{allowed} requests a window, of which {count} are used")


async def limits(target: Target) -> list[Line]:
    """What the organization's limits are, as the target tells them; no permission is needed for that."""
    lines: list[Line] = []
    for namespace in NAMESPACES:
        answer = await target.of_platform(f"/organizations/limits/namespaces/{namespace}")
        entities = answer.body.get("entities")
        if answer.status == 200 and isinstance(entities, list):
            told = [f"{each.get('key')} {each.get('value')}" for each in entities if isinstance(each, dict)]
            lines.append(Line("ok", "target", f"limits {namespace}", ", ".join(told) or "none are told"))
    return lines


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    inner = body.get(name)
    return inner if isinstance(inner, dict) else {}


def _named(entity: dict[str, Any]) -> str:
    return f"{entity.get('name') or '(no name)'} ({entity.get('id') or 'no id'})"
