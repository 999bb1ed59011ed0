"""Users and filters at random, from so few words that filters find some of the users."""

import json
from typing import Any, Final

from hypothesis import strategies as st

from streamproc.core.scim.dialect import ENTERPRISE, USER

WORDS: Final = ("a", "A", "ab", "b.a", "Ä", "A\u0308", "ß", "x y", 'q"\\', "")
NAMES: Final = st.sampled_from([each for each in WORDS if each])
TYPES: Final = st.sampled_from(["work", "home", "Work"])
ADDRESSES: Final = st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "ab@example.com"])
TIMES: Final = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-06-01T12:30:00Z")

_TEXTS: Final = (
    "userName",
    "displayName",
    "title",
    "externalId",
    "id",
    "name.familyName",
    "emails.type",
)
_OPERATORS: Final = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])
_EITHER: Final = st.sampled_from(["eq", "ne"])


def emails() -> st.SearchStrategy[list[dict[str, Any]]]:
    element = st.fixed_dictionaries({"value": ADDRESSES}, optional={"type": TYPES, "primary": st.booleans()})
    return st.lists(element, min_size=1, max_size=3)


def users() -> st.SearchStrategy[dict[str, Any]]:
    """Attributes of a user, with `id` and `meta`."""
    enterprise = st.fixed_dictionaries(
        {}, optional={"employeeNumber": NAMES, "manager": st.fixed_dictionaries({"value": NAMES})}
    ).filter(bool)
    return st.fixed_dictionaries(
        {"userName": NAMES, "id": NAMES},
        optional={
            "displayName": NAMES,
            "title": NAMES,
            "externalId": NAMES,
            "active": st.booleans(),
            "name": st.fixed_dictionaries({"familyName": NAMES}),
            "emails": emails(),
            "meta": st.fixed_dictionaries({"resourceType": st.just("User"), "created": st.sampled_from(TIMES)}),
            ENTERPRISE: enterprise,
        },
    )


def _quoted(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return words.map(lambda word: json.dumps(word, ensure_ascii=False))


def _any_case(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.upper(), word.lower()])


def _comparisons(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    words = _quoted(st.one_of(st.sampled_from(WORDS), TYPES))
    return st.builds("{} {} {}".format, st.sampled_from(names).flatmap(_any_case), _OPERATORS.flatmap(_any_case), words)


def _addresses(*names: str) -> st.SearchStrategy[str]:
    """Comparisons with whole addresses, which scim2-models demands, or with parts of them."""
    named = st.sampled_from(names)
    return st.one_of(
        st.builds("{} {} {}".format, named, _OPERATORS, _quoted(ADDRESSES)),
        st.builds(
            "{} {} {}".format, named, st.sampled_from(["co", "sw", "ew"]), _quoted(st.sampled_from(["a", "ORG", "@"]))
        ),
    )


def leaves() -> st.SearchStrategy[str]:
    """Filters of one attribute, as RFC 7644 §3.4.2.2 has them."""
    numbers = st.sampled_from([f"{ENTERPRISE}:employeeNumber", f"{ENTERPRISE}:manager.value", f"{USER}:userName"])
    named = (*_TEXTS, "emails", "name", "active", "meta.created", ENTERPRISE + ":manager")
    return st.one_of(
        _comparisons(_TEXTS),
        _addresses("emails", "emails.value"),
        st.builds("{} {} {}".format, numbers, _OPERATORS, _quoted(NAMES)),
        st.builds("active {} {}".format, _EITHER, st.sampled_from(["true", "false"])),
        st.builds("{} {} null".format, st.sampled_from(("title", "active", "externalId", "name.familyName")), _EITHER),
        st.builds(
            "meta.created {} {}".format,
            st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
            _quoted(st.sampled_from(TIMES)),
        ),
        st.builds("{} pr".format, st.sampled_from(named)),
        st.builds(
            "emails[{}]".format,
            _combined(st.one_of(_comparisons(("type",)), _addresses("value"), st.just("primary eq true"))),
        ),
    )


def _combined(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def further(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("{} and {}".format, inner, inner),
            st.builds("{} or {}".format, inner, inner),
            st.builds("not ({})".format, inner),
            st.builds("({})".format, inner),
        )

    return st.recursive(of, further, max_leaves=4)


def filters() -> st.SearchStrategy[str]:
    """Filters of users, as RFC 7644 §3.4.2.2 has them."""
    return _combined(leaves())


GROUP_NAMES: Final = st.sampled_from(["Sales", "SALES", "Care", "a"])
_IDS: Final = st.sampled_from(["u0", "u1", "U1", "u2", "g3", "g6", "g7", "u"])


def filters_of_users() -> st.SearchStrategy[str]:
    """Filters of users that may ask for groups, too, and for what there isn't."""
    more = st.one_of(
        st.builds("{} {} {}".format, st.sampled_from(["groups", "groups.value", "id"]), _OPERATORS, _quoted(_IDS)),
        st.builds("groups.display {} {}".format, _OPERATORS, _quoted(GROUP_NAMES)),
        st.builds("groups[value eq {} and display {} {}]".format, _quoted(_IDS), _OPERATORS, _quoted(GROUP_NAMES)),
        st.builds("{} {} {}".format, st.sampled_from(["employeeNumber", "email"]), _OPERATORS, _quoted(NAMES)),
        st.sampled_from(
            [
                "groups pr",
                "groups.display pr",
                "nobody pr",
                'nobody ne "x"',
                "nobody eq null",
                'emails[nobody ne "x"]',
                f"{ENTERPRISE} pr",
            ]
        ),
        st.sampled_from(['emails[value ne "a@example.org"]', "emails[not (value pr)]", "emails[display pr]"]),
    )
    return _combined(st.one_of(leaves(), more))


def filters_of_groups() -> st.SearchStrategy[str]:
    """Filters of groups: names and members."""
    return _combined(
        st.one_of(
            st.builds("displayName {} {}".format, _OPERATORS, _quoted(GROUP_NAMES)),
            st.builds(
                "{} {} {}".format, st.sampled_from(["members", "members.value", "id"]), _OPERATORS, _quoted(_IDS)
            ),
            st.builds("members[value {} {}]".format, _OPERATORS, _quoted(_IDS)),
            st.builds("members[value eq {} or type pr]".format, _quoted(_IDS)),
            st.sampled_from(["members pr", "members.value pr", "members.type pr", "members[not (type pr)]", "meta pr"]),
        )
    )
