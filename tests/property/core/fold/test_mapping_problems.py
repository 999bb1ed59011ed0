"""Whatever is written into a mapping file: it can be used, or it is told in words why not."""

from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamproc.core.fold.mapping_file import MappingFile
from streamproc.core.fold.mapping_problems import problem

KEYS: Final = st.sampled_from(
    [
        *("attributes", "scope", "suspend", "copy", "rule", "always", "claims", "tables", "externalIds", "authority"),
        *("functions", "who", "when", "leaving", "blank", "title", "active", "expr", "fact", "to", "level", "levels"),
        *("separators", "whole", "template", "values", "roles", "skills", "if", "several", "x"),
    ]
)
VALUES: Final = st.recursive(
    st.sampled_from(("", "x", "x == 1", "skills", 7, -1.5, True)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@example({"functions": -1.5})
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_mistake_is_told_in_words(file: dict[str, Any]) -> None:
    """With a place, a sentence, and none of the checker's own."""
    try:
        MappingFile.model_validate(file)
    except ValidationError as error:
        told = problem(error)
        place, _, what = told.partition(": ")
        assert place.split(".")[0].split(" ")[0] in file, told
        assert what.endswith((".", "?")), told
        assert not any(word in told for word in ("Input", "String should", "permitted", "required")), told
