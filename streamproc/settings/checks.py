"""What no single setting shows: which are needed together, and which addresses credentials may go to."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from streamproc.settings.gateway import secrets
from streamproc.settings.network import check_proxy
from streamproc.settings.urls import check_url
from streamproc.sources import SOURCES

LEAST_SECRET = 16
"""Characters; a shorter one could be guessed from outside."""
LEAST_KEY = 32
"""Bytes of what signs."""
HOOK_SECRETS = (
    "gateway_token",
    "okta_hook_secret",
    "entra_client_state",
    "pingone_hook_secret",
    "workday_hook_secret",
    "hris_hook_secret",
)
TOGETHER = (
    ("okta_url", "okta_token"),
    ("entra_tenant", "entra_client_id", "entra_client_secret"),
    ("pingone_environment", "pingone_client_id", "pingone_client_secret"),
    ("workday_report", "workday_user", "workday_password"),
)
"""Without these a directory can't be asked."""
HRIS_NEEDS: Mapping[str, tuple[str, ...]] = {
    "bamboohr": ("hris_url", "hris_secret"),
    "hibob": ("hris_user", "hris_secret"),
    "gusto": ("hris_user", "hris_secret", "hris_company", "hris_token_file"),
    "personio": ("hris_user", "hris_secret"),
    "finch": ("hris_secret",),
    "merge": ("hris_secret", "hris_account_token"),
    "kombo": ("hris_secret", "hris_company"),
}
URLS = (
    "scim_url",
    "token_url",
    "platform_url",
    "okta_url",
    "entra_url",
    "entra_login_url",
    "pingone_url",
    "pingone_auth_url",
    "workday_report",
    "hris_url",
    "entra_notification_url",
)
"""All of that kind, but `set_jwks`, which may be a file, and the proxy, which only passes on what TLS hides."""

IN_HEADERS = ("token", "okta_token", "hris_secret", "hris_account_token")
"""Secrets that go into a header as they are (RFC 6750 §2.1)."""


def check(values: Mapping[str, Any]) -> None:
    """`values`: of all settings, by name. Raises ValueError for the first mistake."""
    for name in (each.partition("=")[0] for each in values["silence"].split()):
        if name not in SOURCES:
            raise ValueError(f"silence: there is no source {name}: {', '.join(SOURCES)}")
    if values["kafka_security"].startswith("SASL") and not (values["kafka_username"] and values["kafka_password"]):
        raise ValueError("kafka_username and kafka_password are needed with SASL")
    for name in IN_HEADERS:
        if (token := values[name]) is not None and not _visible(token):
            raise ValueError(f"{name} has to be visible ASCII, as a header wants it: no blank, no line end")
    for name in URLS:
        if values[name] is not None:
            check_url(name, values[name])
    if "://" in (values["set_jwks"] or ""):
        check_url("set_jwks", values["set_jwks"], whole=True)
    check_proxy("https_proxy", values["https_proxy"])
    for name in HOOK_SECRETS:
        one_or_two = secrets(values[name])
        if values[name] is not None and not 1 <= len(one_or_two) <= 2:
            raise ValueError(f"{name} is one secret, or two separated by a space")
        if any(len(secret) < LEAST_SECRET for secret in one_or_two):
            raise ValueError(f"{name} is shorter than {LEAST_SECRET} characters")
    keys = secrets(values["gateway_scim_keys"])
    if values["gateway_scim_keys"] is not None and not 1 <= len(keys) <= 2:
        raise ValueError("gateway_scim_keys is one key, or two separated by a space")
    if any(len(key) < LEAST_KEY for key in keys):
        raise ValueError(f"gateway_scim_keys is shorter than {LEAST_KEY} characters")
    if values["gateway_url"] is not None and not _is_root(values["gateway_url"]):
        raise ValueError("gateway_url is http:// or https:// and a host, with nothing behind but a port")
    if (values["hris_hook_secret"] is None) == bool(values["hris_hook_signature"]):
        raise ValueError("hris_hook_secret and hris_hook_signature go together")
    if values["pingone_certificate_name"] and not (values["gateway_client_ca"] and values["gateway_certificate"]):
        raise ValueError("pingone_certificate_name needs gateway_client_ca and gateway_certificate")
    for names in TOGETHER:
        if len({values[name] is None for name in names}) > 1:
            raise ValueError(f"{', '.join(names[:-1])} and {names[-1]} go together")
    for name in HRIS_NEEDS.get(values["hris_vendor"], ()):
        if values[name] is None:
            raise ValueError(f"{name} is needed with hris_vendor {values['hris_vendor']}")
    if not values["hris_vendor"] and (values["hris_secret"] or values["hris_url"]):
        raise ValueError("hris_vendor is needed with hris_secret and hris_url")
    if values["entra_notification_url"] and not (values["entra_client_state"] and values["entra_tenant"]):
        raise ValueError("entra_notification_url needs entra_client_state and entra_tenant")
    if len({values[name] is None for name in ("set_issuer", "set_audience", "set_jwks")}) > 1:
        raise ValueError("set_issuer, set_audience and set_jwks go together")


def _is_root(url: str) -> bool:
    return re.fullmatch(r"https?://[^/?#@\s]+", url) is not None


def _visible(token: SecretStr) -> bool:
    return re.fullmatch(r"[!-~]+", token.get_secret_value()) is not None
