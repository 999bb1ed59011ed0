"""Redaction of what expressions read: no condition sees a difference, and nothing but what they name is left."""

import re

from hypothesis import event, given, settings
from hypothesis import strategies as st

from streamproc.audit.evidence.pseudonyms import Words
from streamproc.audit.evidence.redacted_facts import Facts
from streamproc.core.errors import EvidenceError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.units import Micros
from tests.support.bundles import made, verified
from tests.support.logs import Log

CONDITIONS = (
    'a == "red" || b in ["blue", "green"]',
    'like(a, "re*") && b != "blue"',
    'a.startsWith("re") || b.endsWith("lue") || a.contains("-")',
    'before(a, "-") == "red" && has(facts.b)',
    'lower(coalesce(a, b, "none")) == "red"',
    'split(a, "-").exists(p, p == "blue")',
    "number(a) > 3",
    'lookup("colours", a, "none") == "warm"',
)
TEXTS = (
    'a + " " + b',
    "coalesce(a, b)",
    'upper(before(a, "-")) + "!"',
    'after(a, "-")',
    'join(split(a, "-"), "+")',
    'replace(a, "e", "3")',
    "has(facts.b) ? b : a",
    'lookup("colours", a)',
)
TABLE = '[tables.colours]\nred = "warm"\nblue = "cold"\n'
pieces = st.sampled_from(["red", "Red", "blue", "green", "-", "e", "re", "Zofia", "4", " ", "ñ"])
written = st.lists(pieces, min_size=1, max_size=4).map("".join)
texts = st.none() | written
facts = st.fixed_dictionaries({"active": st.sampled_from([True, True, False])}, optional={"a": texts, "b": texts})


def mapping_text(who: str, suspend: str, text: str) -> str:
    return (
        f"[scope]\nwho = '{who}'\n[suspend]\nwhen = '{suspend}'\n[attributes]\ntitle = {{ expr = '{text}' }}\n"
        f"[[rule]]\nif = '{suspend}'\nroles = [\"R\"]\n{TABLE}"
    )


@settings(max_examples=20)
@given(
    who=st.sampled_from(CONDITIONS),
    suspend=st.sampled_from(CONDITIONS),
    text=st.sampled_from(TEXTS),
    said=st.lists(st.tuples(st.sampled_from(["A", "B"]), facts), min_size=1, max_size=6),
)
def test_a_redacted_bundle_proves_the_same_or_there_is_none(
    who: str, suspend: str, text: str, said: list[tuple[str, dict[str, str | None]]]
) -> None:
    """Whatever mappings compute: it verifies, with as many records, and names nobody; or it is refused in words."""
    log = Log(mapping_text(who, suspend, text))
    for user, attributes in said:
        log.say(user, dict(attributes))
    try:
        redacted = made(log, redact=b"r" * 32)
    except EvidenceError as error:
        refused = str(error)
        event("refused")
    else:
        refused = ""
    if refused:
        assert "--keep" in refused
        return
    assert verified(redacted).equal
    assert verified(redacted).counts == verified(made(log)).counts
    assert b"Zofia" not in b"\n".join(content for name, content in redacted.files if not name.startswith("mappings/"))


@given(condition=st.sampled_from(CONDITIONS), one=written, other=written)
def test_equal_values_stay_equal_and_others_differ(condition: str, one: str, other: str) -> None:
    """What changed, and what not, can be followed; nothing but what the mapping names is left of a text."""
    told = Facts([parse_mapping(f"[scope]\nwho = '{condition}'\n{TABLE}")])
    words = Words(b"k" * 16, "of", "E1")
    hidden = [told.of({"a": value}, words, Micros)["a"] for value in (one, other)]
    assert (hidden[0] == hidden[1]) == (one == other)
    for value in hidden:
        assert not re.search("zofia|ñ", str(value), re.IGNORECASE)
