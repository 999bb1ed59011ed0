"""The configured directories, each with its credentials."""

from base64 import b64encode
from collections.abc import Mapping

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.oauth import Bearer, StaticToken, Tokens
from streamproc.compose.hr_vendors import hr_vendor
from streamproc.hydrator.directories.api import Api, Directory
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.directories.okta import Okta
from streamproc.hydrator.directories.pingone import PingOne
from streamproc.hydrator.directories.workday import Workday
from streamproc.settings import HydratorSettings
from streamproc.sources.options import SourceOptions

SCOPE = "https://graph.microsoft.com/.default"


def directories(
    settings: HydratorSettings,
    http: aiohttp.ClientSession,
    options: Mapping[str, SourceOptions],
    clocks: Clocks,
) -> dict[str, Directory]:
    """By source."""
    configured_: dict[str, Directory] = {}

    def api(root: str, scheme: str, bearer: Bearer) -> Api:
        return Api(http, root, scheme, bearer, clocks)

    if settings.okta.url and settings.okta.token:
        token = StaticToken(settings.okta.token.get_secret_value())
        configured_["okta"] = Okta(api(settings.okta.url, settings.okta.token_scheme, token), options["okta"])
    if settings.entra.tenant and settings.entra.client_id and settings.entra.client_secret:
        url = f"{settings.entra.login_url.rstrip('/')}/{settings.entra.tenant}/oauth2/v2.0/token"
        secret = settings.entra.client_secret.get_secret_value()
        tokens = Tokens(http, url, settings.entra.client_id, secret, clocks, SCOPE)
        configured_["entra"] = Graph(api(settings.entra.url, "Bearer", tokens), options["entra"])
    if settings.pingone.environment and settings.pingone.client_id and settings.pingone.client_secret:
        url = f"{settings.pingone.auth_url.rstrip('/')}/{settings.pingone.environment}/as/token"
        secret = settings.pingone.client_secret.get_secret_value()
        tokens = Tokens(http, url, settings.pingone.client_id, secret, clocks)
        configured_["pingone"] = PingOne(
            api(settings.pingone.url, "Bearer", tokens), settings.pingone.environment, options["pingone"]
        )
    if settings.workday.report and settings.workday.user and settings.workday.password:
        pair = f"{settings.workday.user}:{settings.workday.password.get_secret_value()}"
        basic = StaticToken(b64encode(pair.encode()).decode())
        configured_["workday"] = Workday(
            api(settings.workday.report, "Basic", basic),
            options["workday"],
            settings.workday.since_prompt,
            settings.workday.worker_prompt,
        )
    if (vendor := hr_vendor(settings.hris, http, options["hris"], clocks)) is not None:
        configured_["hris"] = vendor
    return configured_
