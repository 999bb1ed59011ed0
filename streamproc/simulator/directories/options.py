"""Options of the stand-ins that can be changed while they run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_type_hints

from streamproc.simulator import defaults

Headers = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    gateway: str = ""  # hooks go to {gateway}/v1/{okta|pingone|workday|hris}; empty: none are sent
    hook_headers: Headers | None = None  # directory → the headers that its hooks carry, secrets among them

    client_id: str = defaults.CLIENT_ID  # of Graph, PingOne, HiBob, Gusto and Personio
    client_secret: str = defaults.CLIENT_SECRET
    okta_token: str = "demo"  # noqa: S105 - the stand-ins guard nothing
    isu_user: str = "demo"
    isu_password: str = "demo"  # noqa: S105
    hris_secret: str = "demo"  # noqa: S105 - what HR vendors' APIs are asked with
    hris_key: str = ""  # signs the HR vendors' hooks
    token_ttl_s: float = 3600

    application: str = "0oagenesyscloud00001"  # that people are assigned to, at Okta, Entra and PingOne
    application_groups: str = ""  # names of groups that are assigned to it, between commas

    page_size: int = 100  # of every list, unless the request asks for less
    okta_rate_limit: int = 600  # requests a minute
    retry_s: float = 0.2  # pause before a hook is sent again; Graph doubles it each time
    notification_details: bool = True  # eventTime and sequenceNumber in Graph's notifications, which may be absent
    extension_app: str = "0f5c8e3a7b1d4962a8e0c4d2b6f19375"  # extension_<app>_<name> holds Graph's custom attributes
    workday_since: str = "Updated_From"  # the report's prompt: rows entered at or after this moment
    workday_events: bool = False  # does an integration of Workday's post business events?


_HINTS = get_type_hints(DirectoryOptions)
_SECRET = frozenset({"hook_headers", "client_secret", "okta_token", "isu_password", "hris_secret", "hris_key"})


def merged(options: DirectoryOptions, changes: Mapping[str, Any]) -> DirectoryOptions:
    """`options` with `changes`. Raises ValueError naming the first that is unknown or of the wrong type."""
    accepted: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in _HINTS:
            raise ValueError(f"the directories have no setting {name}")
        if name == "hook_headers":
            if not isinstance(value, dict) or not all(_is_headers(headers) for headers in value.values()):
                raise ValueError("hook_headers must be an object of objects of strings")
            accepted[name] = {**(options.hook_headers or {}), **value}
        else:
            types = (float, int) if _HINTS[name] is float else (_HINTS[name],)
            if type(value) not in types:
                raise ValueError(f"{name} must be a {_HINTS[name].__name__}")
            accepted[name] = value
    return replace(options, **accepted)


def shown(options: DirectoryOptions) -> dict[str, Any]:
    return {name: value for name, value in asdict(options).items() if name not in _SECRET}


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
