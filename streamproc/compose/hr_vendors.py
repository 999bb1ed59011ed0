"""The HR vendor that is configured, with its credentials."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.oauth import Bearer, StaticToken, Tokens
from streamproc.hydrator.directories import finch, gusto
from streamproc.hydrator.directories.api import Api, Directory
from streamproc.hydrator.directories.bamboohr import BambooHR
from streamproc.hydrator.directories.finch import Finch
from streamproc.hydrator.directories.gusto import Gusto
from streamproc.hydrator.directories.hibob import HiBob
from streamproc.hydrator.directories.kombo import Kombo
from streamproc.hydrator.directories.merge import Merge
from streamproc.hydrator.directories.personio import Personio
from streamproc.hydrator.directories.refresh_token import RefreshedTokens
from streamproc.settings import HrisSettings
from streamproc.sources.options import SourceOptions

ROOTS: Final = {
    "bamboohr": "",  # each company has its own
    "hibob": "https://api.hibob.com",
    "gusto": "https://api.gusto.com",
    "personio": "https://api.personio.de",
    "finch": "https://api.tryfinch.com",
    "merge": "https://api.merge.dev",
    "kombo": "https://api.kombo.dev",
}
"""Where the vendors' APIs are, without `hris_url`."""


def hr_vendor(
    settings: HrisSettings,
    http: aiohttp.ClientSession,
    options: SourceOptions,
    clocks: Clocks,
) -> Directory | None:
    """None: none is configured."""
    root = (settings.url or ROOTS.get(settings.vendor, "")).rstrip("/")
    user, company = settings.user or "", settings.company or ""
    secret = settings.secret.get_secret_value() if settings.secret else ""
    size = settings.page_size

    def api(scheme: str, bearer: Bearer, headers: Mapping[str, str] | None = None) -> Api:
        return Api(http, root, scheme, bearer, clocks, headers)

    match settings.vendor:
        case "bamboohr":
            return BambooHR(api("Basic", _basic(secret, "x")), options, size)
        case "hibob":
            return HiBob(api("Basic", _basic(user, secret)), options)
        case "gusto":
            assert settings.token_file is not None
            refreshed = RefreshedTokens(http, f"{root}/oauth/token", user, secret, clocks, settings.token_file)
            return Gusto(api("Bearer", refreshed, gusto.VERSION), company, size)
        case "personio":
            tokens = Tokens(http, f"{root}/v2/auth/token", user, secret, clocks, in_form=True)
            return Personio(api("Bearer", tokens), size)
        case "finch":
            return Finch(api("Bearer", StaticToken(secret), finch.VERSION), size)
        case "merge":
            account = settings.account_token.get_secret_value() if settings.account_token else ""
            return Merge(api("Bearer", StaticToken(secret), {"X-Account-Token": account}), size)
        case "kombo":
            return Kombo(api("Bearer", StaticToken(secret), {"X-Integration-Id": company}), size)
        case "":
            return None


def _basic(user: str, password: str) -> StaticToken:
    """BambooHR's key is the user; any password will do."""
    return StaticToken(b64encode(f"{user}:{password}".encode()).decode())
