"""What is proposed for a name: only one that the target has, and every one that differs by case, spaces or marks."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.scim.dialect import GENESYS_DIALECT
from streamproc.core.scim.spelling import bare, meant
from streamproc.sink.decide.target import Group, GroupLearned, NamesShown, Target

names = st.lists(
    st.sampled_from(["Español", "Tier 1", "Tier-2", "Care (EMEA)", "日本語", "Sales", "Ärzte", "|"]), unique=True
)
spellings = st.sampled_from([
    str.upper, str.lower, lambda name: f" {name} ", lambda name: name.replace(" ", "\u00a0"),
    lambda name: name.replace(" ", ""), lambda name: name.replace("-", " "), lambda name: f"\u200b{name}",
    lambda name: unicodedata.normalize("NFD", name), lambda name: name.replace("ñ", "n").replace("Ä", "A"),
])  # fmt: skip


@given(known=names, name=st.sampled_from(["Español", "Tier 1", "Tier-2", "Care (EMEA)", "日本語"]), spelled=spellings)
def test_another_spelling_is_found(known: list[str], name: str, spelled: object) -> None:
    """The one that is meant, if the target has it; none else."""
    assert callable(spelled)
    written = str(spelled(name))
    expected = name if name in known and written != name else None
    assert meant(written, known) == expected


@given(known=st.lists(st.text(max_size=6)), name=st.text(max_size=6))
def test_nothing_is_proposed_but_what_is_there(known: list[str], name: str) -> None:
    """With the same letters and digits, and never the name itself or one without any."""
    other = meant(name, known)
    assert other is None or (other in known and other != name and bare(other) == bare(name) != "")


@given(
    known=names,
    kind=st.sampled_from(["skills", "groups"]),
    name=st.text(max_size=3) | st.sampled_from(["TIER1", "Sales"]),
)
def test_a_target_proposes_what_it_has_shown(known: list[str], kind: str, name: str) -> None:
    """As a search through all of them would, for names that it hasn't; a group that is there no more isn't proposed."""
    target = Target(GENESYS_DIALECT, lambda _: None, 1.0)
    if kind == "groups":
        target.learn(GroupLearned(each, Group("g1")) for each in known)
    else:
        target.learn([NamesShown(kind, tuple(known))])
        assert target.unheard(kind, [*known, "new"]) == ("new",)
    assert target.meant(kind, name) == (None if name in known else meant(name, known))
    target.learn(GroupLearned(each, Group()) for each in known)
    if kind == "groups":
        assert target.meant(kind, name) is None
