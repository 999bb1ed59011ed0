"""PATCH, judged by scim2-models, which shares no code with ours: the same operations on the same user.

Where we mean to do otherwise is a table in `tests/unit/core/provider/test_patch.py`; it isn't drawn here.
"""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.core.provider.normalise import normalise, replace
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.patch import apply
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.schema import Json
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from tests.support.scim_judge import judged, without_nothing

REFUSED = "refused"
texts = st.sampled_from(["a", "b", "A", "Zażółć", 'q"q', "back\\slash"])
"""Few, so that they meet again; in one case only where a list tells elements by them."""
values = st.sampled_from(["a", "b", "p", "x y", "ł"])


def labelled(*types: str) -> st.SearchStrategy[Json]:
    """An element whose display and primary follow from its value, so that two that are one are equal."""
    return st.builds(
        lambda value, kind: {
            "value": value,
            **({} if kind is None else {"type": kind}),
            **({"display": f"display of {value}"} if value in "ab" else {}),
            **({"primary": True} if value == "p" else {}),
        },
        values,
        st.none() | st.sampled_from(types),
    )


def several(element: st.SearchStrategy[Json], *identity: str) -> st.SearchStrategy[list[Json]]:
    """A list in which no two are one, and one at most is primary."""
    unique = st.lists(element, max_size=3, unique_by=lambda each: tuple(each.get(name) for name in identity))
    return unique.filter(lambda drawn: sum("primary" in each for each in drawn) <= 1)


names = st.fixed_dictionaries({}, optional=dict.fromkeys(("givenName", "familyName", "formatted"), texts))
emails = several(labelled("work", "home"), "value", "type")
phones = several(labelled("work", "mobile", "work2"), "value", "type")
roles = several(st.builds(lambda value: {"value": value}, values), "value")
addresses = several(
    st.fixed_dictionaries({"locality": texts}, optional={"type": st.sampled_from(["work", "home"]), "country": texts}),
    *("locality", "type", "country"),
)
skills = several(st.builds(lambda name: {"name": name, "proficiency": float(len(name))}, texts), "name")
external_ids = several(st.builds(lambda name: {"authority": name, "value": name}, texts), "authority")
managers = st.builds(lambda value: {"value": value}, texts)

ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "title": texts,
    "active": st.booleans(),
    "name": names,
    "emails": emails,
    "phoneNumbers": phones,
    "roles": roles,
    "addresses": addresses,
}
users = st.fixed_dictionaries(
    {"userName": texts},
    optional={
        **ATTRIBUTES,
        ENTERPRISE: st.fixed_dictionaries({}, optional={"department": texts, "manager": managers}),
        GENESYS: st.fixed_dictionaries({}, optional={"routingSkills": skills, "externalIds": external_ids}),
    },
)
SETTABLE: dict[str, st.SearchStrategy[Any]] = {
    **ATTRIBUTES,
    "userName": texts,
    "TITLE": texts,
    "active": st.booleans() | st.sampled_from(["True", "false"]),
    "name.givenName": texts,
    "Name.FamilyName": texts,
    f"{ENTERPRISE}:department": texts,
    f"{ENTERPRISE}:manager": managers,
    f"{ENTERPRISE}:manager.value": texts,
    f"{GENESYS}:routingSkills": skills,
    f"{GENESYS}:externalIds": external_ids,
    "nothingThatIsKnown": texts,
    "nothing.known": texts,
}
SELECTED: dict[str, st.SearchStrategy[Any]] = {
    'emails[type eq "work"].value': values,
    'emails[type eq "work"]': st.builds(lambda value: {"value": value}, values),
    'emails[not (type eq "home") and value pr].display': texts,
    'phoneNumbers[type eq "mobile"].value': values,
    'phoneNumbers[type eq "mobile" and value eq "a"].display': texts,
    'phoneNumbers[value sw "a" or type eq "work2"].display': texts,
    "roles[primary eq true].value": values,
    'roles[value eq "a"].display': texts,
    'addresses[type eq "work"].country': texts,
    f'{GENESYS}:routingSkills[name eq "a"].proficiency': st.just(2.0),
    f'{GENESYS}:externalIds[authority eq "a"].value': texts,
}


def each_of(paths: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """A path and what may be written there."""
    return st.one_of(*(st.tuples(st.just(path), drawn) for path, drawn in paths.items()))


written = st.builds(
    lambda op, at: {"op": op, "path": at[0], "value": at[1]},
    st.sampled_from(["add", "replace", "Replace"]),
    each_of(SETTABLE | SELECTED),
)
without_path = st.builds(
    lambda op, at: {"op": op, "value": dict(at)},
    st.sampled_from(["Add", "replace"]),
    st.lists(each_of(SETTABLE), max_size=3),
)
removed = st.builds(
    lambda path: {"op": "remove", "path": path},
    st.sampled_from(
        [
            *(name for name in SETTABLE if not name.endswith("manager.value")),
            *(name for name in SELECTED if not name.endswith(".value") and "routing" not in name),
            'emails[type eq "work" and value eq "a"]',
        ]
    ),
)
removed_by_value = st.one_of(
    st.builds(lambda value: {"op": "Remove", "path": "roles", "value": [{"value": value}]}, values),
    st.builds(lambda value: {"op": "Remove", "path": "emails", "value": [{"value": value, "type": "work"}]}, values),
    st.builds(lambda name: {"op": "remove", "path": f"{GENESYS}:routingSkills", "value": [{"name": name}]}, texts),
)
operations = st.one_of(written, without_path, removed, removed_by_value)


def ours(resource: Json, asked: list[Json]) -> Json | str:
    """The resource after the operations, or that they are refused."""
    try:
        return apply(resource, normalise_patch(USERS, {"Operations": asked}).operations)
    except ScimError:
        return REFUSED


def repeats(verdict: Json | str) -> bool:
    """Whether a list has two elements that are one to us: the judge lets them be added, and we don't."""
    if isinstance(verdict, str):
        return False
    for name, elements in {**verdict, **verdict.get(GENESYS, {})}.items():
        if isinstance(elements, list):
            identity = IDENTITY.get(name) or ("locality", "type", "country")
            exact = name in {"routingSkills", "externalIds"}
            texts_of = [[str(each.get(part)) for part in identity] for each in elements]
            found = [tuple(parts if exact else map(str.lower, parts)) for parts in texts_of]
            if len(set(found)) < len(found):
                return True
    return False


IDENTITY = {
    "emails": ("value", "type"),
    "phoneNumbers": ("value", "type"),
    "roles": ("value",),
    "routingSkills": ("name",),
    "externalIds": ("authority",),
}


@given(users, st.lists(operations, min_size=1, max_size=4))
def test_the_judge_comes_to_the_same_user(user: Json, asked: list[Json]) -> None:
    """Whatever a client sends, the user is afterwards as by another implementation, or both refuse."""
    before = normalise(USERS, user).attributes
    for at in range(len(asked)):
        assume(not repeats(judged(before, asked[: at + 1])))
    verdict = judged(before, asked)
    assert (REFUSED if isinstance(verdict, str) else verdict) == without_nothing(ours(before, asked))


@given(users, st.lists(operations, min_size=1, max_size=4))
def test_nothing_is_changed_in_place(user: Json, asked: list[Json]) -> None:
    """Who still holds the resource sees it as it was; a PATCH that changes nothing gives that very one."""
    before, copy = normalise(USERS, user).attributes, normalise(USERS, user).attributes
    after = ours(before, asked)
    assert before == copy
    assert after is before or after != before


@given(users, st.lists(operations, min_size=1, max_size=4))
def test_what_comes_out_is_canonical(user: Json, asked: list[Json]) -> None:
    """A client that PUTs back what it has read after a PATCH changes nothing, and nothing of it is unknown."""
    after = ours(normalise(USERS, user).attributes, asked)
    assume(not isinstance(after, str))
    assert isinstance(after, dict)
    body = normalise(USERS, {"schemas": [], "id": "1", "meta": {}, **after})
    assert replace(USERS, after, body)[0] is after
    assert body.ignored == ()


@given(users, users)
def test_a_put_and_a_patch_of_all_of_it_agree(user: Json, other: Json) -> None:
    """Whether a client sends the new values by PUT or as a PATCH without path, what it names is the same afterwards."""
    before, body = normalise(USERS, user).attributes, normalise(USERS, other)
    patched = apply(before, normalise_patch(USERS, {"Operations": [{"op": "replace", "value": other}]}).operations)
    after, paths = replace(USERS, before, body)
    assert all(patched[name] == after[name] for name in body.attributes if name not in {"name", ENTERPRISE, GENESYS})
    assert set(body.written) <= set(paths)
