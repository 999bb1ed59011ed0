"""The mapping's file: what a mistake in it is told as, and what its digest is of."""

import pytest

from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import parse_mapping
from tests.unit.core.fold.test_mapping import SHIPPED, shipped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("attributes = ", "my.toml: not valid TOML: "),
        ("[attribute]", "my.toml: attribute: Extra inputs are not permitted. See streamproc/mapping.toml"),
        ('[attributes]\nnickName = "nick"', "my.toml: attributes.nickName: Extra inputs are not permitted"),
        ("[attributes]\ntitle = 7", "my.toml: attributes.title: give the name of a fact, or { expr ="),
        ("[attributes]\ntitle = { exp = 'job' }", "my.toml: attributes.title.expr: Field required"),
        ('[[copy]]\nto = "roles"', "my.toml: copy.0: Value error, give either `fact` or `expr`"),
        ('[[copy]]\nfact = "f"\nto = "role"', "my.toml: copy.0.to: Input should be 'roles', 'groups'"),
        ('[[copy]]\nfact = "f"\nto = "roles"\ntemplate = "x"', "my.toml: copy.0.template: String should match pattern"),
        ('[[copy]]\nfact = "f"\nto = "skills"\nlevel = 5.1', "my.toml: copy.0.level: Input should be less than"),
        ('[[rule]]\nroles = ["a"]', "my.toml: rule.0: Value error, give `when`, `if` or both"),
        ('[[rule]]\nwhen = {}\nroles = ["a"]', "my.toml: rule.0: Value error, give `when`, `if` or both"),
        ('[[rule]]\nwhen = { job = "a" }\nskills = { S = -1.0 }', "my.toml: rule.0.skills.S: Input should be greater"),
        ('[[rule]]\nwhen = { job = "a" }\nrole = ["a"]', "my.toml: rule.0.role: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, expected: str) -> None:
    """The error names the file, the table and the key."""
    with pytest.raises(MappingError) as error:
        parse_mapping(text, "my.toml")
    assert str(error.value).startswith(expected)


def test_the_digest_is_of_the_rules_alone() -> None:
    """Comments and layout leave the digest, which every record carries; another rule changes it."""
    text = SHIPPED.read_text(encoding="utf-8")
    bare = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    assert parse_mapping(bare).digest == shipped().digest
    assert parse_mapping(text.replace("level = 3.0", "level = 3.5", 1)).digest != shipped().digest
