"""Every choice the simulator can be started with or switched to.

Where Genesys's behaviour is undocumented or documented in contradictory ways the choice is a switch, and the
default is the harsher or the better documented answer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from streamproc.simulator import defaults

NAMES = ("skills", "languages", "roles", "divisions", "groups", "denied")
FIXED = frozenset({"client_id", "client_secret", "seed", "allow_remote"})


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    # The organisation.
    skills: tuple[str, ...] = defaults.SKILLS
    languages: tuple[str, ...] = defaults.LANGUAGES
    roles: tuple[str, ...] = defaults.ROLES
    divisions: tuple[str, ...] = defaults.DIVISIONS
    groups: tuple[str, ...] = defaults.GROUPS

    organization: str = defaults.ORGANIZATION  # its name, from which its id follows
    clock_skew_s: float = 0  # how far the organisation's clock is ahead of the machine's

    denied: tuple[str, ...] = ()  # "skills", "languages", "roles", "divisions": lists that are answered with 403

    # The OAuth client.
    client_id: str = defaults.CLIENT_ID
    client_secret: str = defaults.CLIENT_SECRET
    token_ttl_s: float = 86400

    # Limits and pace.
    rate_limit: int = 300  # per token and window; 0 means never 429
    rate_window_s: float = 60
    max_body_bytes: int = 512000
    max_page_size: int = 100
    latency_ms: float = 0
    search_lag_ms: float = 0  # how far reads by filter lag behind writes
    seed: int = 0  # decides the faults' probabilities
    allow_remote: bool = False  # may the test API be bound to anything but loopback?

    # Who may do what. The SDKs say ANY of a route's list; that each attribute needs its own isn't confirmed.
    scim_permissions: Literal["attributes", "any", "all"] = "attributes"
    scim_read: Literal["none", "view"] = "none"  # does reading users need directory:user:view or :edit?
    unknown_client: Literal[400, 401] = 400  # a token for a client of nobody here: of another region, say
    subject_of_client: Literal["200", "404"] = "200"  # does a client without a person ask who it is?
    permission_filter: Literal["granted", "literal"] = "granted"  # does a filter by permission find policies with *?

    # The audit log.
    scim_audit_service: Literal["Directory", "SCIM"] = "Directory"
    role_audits: Literal["user", "PeoplePermissions"] = "user"
    audit_names: Literal["platform", "scim"] = "platform"
    audit_lag_ms: float = 0  # how far the audit log lags behind changes
    audit_polls: int = 1  # of an asynchronous query, before it has succeeded

    # Answers that Genesys doesn't define. The SDK's parameter text says 400, its response table 409, older texts 412.
    version_mismatch: Literal["invalidVers400", "409", "412"] = "invalidVers400"
    bump_on_noop: bool = False
    membership_bumps_user: bool = False
    user_groups_write: Literal["mutability", "ignore"] = "mutability"
    unknown_names: Literal["invalidValue", "ignore"] = "invalidValue"
    external_id_unique: bool = True
    former_names: Literal["free", "taken"] = "free"  # a userName that was changed: may somebody else have it?
    external_ids_unique: bool = True  # value of one authority; the platform looks users up by such a pair
    manager_must_exist: bool = True
    revive_status: Literal[200, 201] = 201
    revive_body: Literal["profile", "all", "ignore"] = "profile"  # "profile": all but roles and division
    deleted_user_get: Literal["404", "200"] = "404"
    filter_finds_inactive: bool = True
    filter_by_member: bool = False  # is a group found by its id and a member, as RFC 7644 has it?
    heavy_page_429: bool = False
    put_keeps_omitted: bool = False
    atomic_patch: bool = True
    no_path_patch: bool = True
    element_paths: bool = False  # routingSkills[name eq "X"], routingLanguages[...], roles[...]
    typed_paths: bool = True  # phoneNumbers[type eq "work"], emails[...], externalIds[...]: in Entra's mapping
    list_add: Literal["merge", "replace"] = "merge"  # add to a whole list: RFC 7644 adds, and nobody says what they do
    remove_no_match: Literal["ignore", "noTarget"] = "ignore"
    string_booleans: bool = False


_HINTS = get_type_hints(SimulatorOptions)


def merged(options: SimulatorOptions, changes: Mapping[str, Any]) -> SimulatorOptions:
    """`options` with `changes`: names are added to those known, everything else is replaced.

    Raises ValueError naming the first change that is unknown or of the wrong type.
    """
    accepted: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in _HINTS or name in FIXED:
            raise ValueError(f"{name} is not a setting that can be changed while running")
        if name in NAMES:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{name} must be a list of names")
            accepted[name] = tuple(dict.fromkeys((*getattr(options, name), *value)))
        elif allowed := get_args(_HINTS[name]):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}")
            accepted[name] = value
        elif _HINTS[name] is str:
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a text")
            accepted[name] = value
        elif isinstance(value, bool) is not (_HINTS[name] is bool) or not isinstance(value, (bool, int, float)):
            raise ValueError(f"{name} must be a {_HINTS[name].__name__}")
        else:
            accepted[name] = _HINTS[name](value)
    return replace(options, **accepted)


def shown(options: SimulatorOptions) -> dict[str, Any]:
    return {key: value for key, value in asdict(options).items() if key != "client_secret"}


assert {field.name for field in fields(SimulatorOptions)} >= {*NAMES, *FIXED}
