"""The mapping's file: what a mistake in it is told as, and what its digest is of."""

import re

import pytest

from streamproc.core.errors import MappingError
from streamproc.core.expressions import expression
from streamproc.core.expressions.functions import FUNCTIONS
from streamproc.core.fold import mapping_file
from streamproc.core.fold.mapping import parse_mapping
from tests.unit.core.fold.test_mapping import SHIPPED, shipped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("attributes = ", "my.toml: not valid TOML: "),
        (
            "[attribute]",
            "my.toml: attribute: there is no such table or key; did you mean `attributes`? See streamproc/",
        ),
        ("[scope]\nwho = 'x'\nfunctions = 1", "my.toml: scope.functions: belongs at the top of the file"),
        ("[scope]\nwhen = 'x'", "my.toml: scope.when: there is no such key; there are who, leaving, blank. See"),
        ("userName = 'mail'", "my.toml: userName: belongs below [attributes]. See"),
        ("[suspend]\nwho = 'x'", "my.toml: suspend.who: belongs below [scope]. See"),
        ("[attributes]\nseparators = ','", "my.toml: attributes.separators: belongs below a [[copy]]. See"),
        ('[scope]\nwho = ["x"]', "my.toml: scope.who: give a text in quotes"),
        ("[scope]\nwho = 'x'\nleaving = 'x'", "my.toml: scope.leaving: give 'deactivate' or 'release'. See"),
        ("[[scope]]\nwho = 'x'", "my.toml: scope: give a table: [scope]"),
        ("[rule]\nroles = ['x']", "my.toml: rule: write [[rule]], in double brackets"),
        (
            '[attributes]\nusername = "nick"',
            "my.toml: attributes.username: there is no such key; did you mean `userName`? ",
        ),
        (
            "[attributes]\nactive = { expr = 'x' }",
            "my.toml: attributes.active: give the name of the fact that says so; ",
        ),
        ("[attributes]\ntitle = 7", "my.toml: attributes.title: give the name of a fact, or { expr ="),
        (
            "[attributes]\ntitle = { exp = 'job' }",
            "my.toml: attributes.title.exp: there is no such key; did you mean `expr`? ",
        ),
        ('[[copy]]\nto = "roles"', "my.toml: copy 1: give either `fact` or `expr`"),
        ('[[copy]]\nfact = "f"', "my.toml: copy 1: to: is missing"),
        ('[[copy]]\nfact = "f"\nto = "role"', "my.toml: copy 1: to: give 'roles', 'groups'"),
        ('[[copy]]\nfact = "f"\nto = "roles"\ntemplate = "x"', "my.toml: copy 1: template: give a text with {} in it"),
        ('[[copy]]\nfact = "f"\nto = "roles"\nseparators = ", "', "my.toml: copy 1: separators: give the marks"),
        ('[[copy]]\nfact = "f"\nto = "roles"\nwhole = [" "]', "my.toml: copy 1: whole.0: a name is blank"),
        ('[[copy]]\nfact = "f"\nto = "skills"\nlevel = 5.1', "my.toml: copy 1: level: a proficiency is 0.0 to 5.0"),
        ('[[copy]]\nfact = "f"\nto = "skills"\nlevel = "x"', "my.toml: copy 1: level: give a number"),
        ('[[rule]]\nroles = ["a"]', "my.toml: rule 1: give `when`, `if` or both"),
        ('[[rule]]\nwhen = {}\nroles = ["a"]', "my.toml: rule 1: give `when`, `if` or both"),
        ("[[rule]]\nwhen = { job = 7 }", "my.toml: rule 1: when.job: give a text in quotes"),
        ("[scope]\nwho = 'job =='", "my.toml: scope.who: column "),
        ("[suspend]\nwhen = '\"x\"'", "my.toml: suspend.when: column 1: expected true or false"),
        ("[attributes]\ntitle = { expr = 'nope(job)' }", "my.toml: attributes.title.expr: column 1: "),
        ("[externalIds]\n'a.b' = { expr = 'lookup(\"no\", job)' }", "my.toml: externalIds.a.b.expr: column "),
        (
            "[externalIds]\na.b = 'job'",
            "my.toml: externalIds.a.b: there is no such key, and a name with dots stands in quotes; ",
        ),
        ("[externalIds]\n'x-pc:scimv2:v1' = 'job'", "my.toml: externalIds: the authority 'x-pc:scimv2:v1' can't be"),
        ("[[rule]]\nif = 'job'\n[[rule]]\nif = '1'", "my.toml: rule 2: if: column 1: expected true or false"),
        ("[[copy]]\nexpr = 'true'\nto = 'roles'", "my.toml: copy 1: expr: column 1: expected texts"),
        ("functions = 2", "my.toml: functions: this release has 1 and not 2"),
        ('[[rule]]\nwhen = { job = "a" }\nskills = { S = -1.0 }', "my.toml: rule 1: skills.S: a proficiency is 0.0 to"),
        (
            '[[rule]]\nwhen = { job = "a" }\nrole = ["a"]',
            "my.toml: rule 1: role: there is no such key; did you mean `roles`?",
        ),
        ("[authority]\njob = []", "my.toml: authority.job: is empty; name one at least"),
        ("[tables]\na = 'b'", "my.toml: tables.a: give a table"),
        ("[policy]\ntitel = 'seed'", "my.toml: policy.titel: there is no such key; did you mean `title`?"),
        ("[policy]\ntitle = 'keep'", "my.toml: policy.title: give 'own', 'seed' or 'observe'. See"),
        ("[policy]\nactive = 'seed'", "my.toml: policy.active: give 'own': whoever leaves loses access"),
        (
            "[policy]\nexternalId = 'observe'",
            "my.toml: policy.externalId: give 'own': it says whose account",
        ),
        ("[policy]\nuserName = 'observe'", "my.toml: policy.userName: give 'own' or 'seed': nobody is created without"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, expected: str) -> None:
    """The error names the file, the table and the key."""
    with pytest.raises(MappingError) as error:
        parse_mapping(text, "my.toml")
    assert str(error.value).startswith(expected)


def test_a_mark_of_windows_editors_is_no_mistake() -> None:
    """The byte order mark before the text isn't seen by whoever saved the file."""
    assert parse_mapping("\ufeff[attributes]\ntitle = 'job'") == parse_mapping("[attributes]\ntitle = 'job'")


def test_the_digest_is_of_the_rules_alone() -> None:
    """Comments and layout leave the digest, which every record carries; another rule changes it."""
    text = SHIPPED.read_text(encoding="utf-8")
    bare = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    assert parse_mapping(bare).digest == shipped().digest
    assert parse_mapping(text.replace("level = 3.0", "level = 3.5", 1)).digest != shipped().digest


def test_what_the_comments_show_is_a_mapping() -> None:
    """Each expression in the shipped file's comments can be used as it stands there."""
    commented = SHIPPED.read_text(encoding="utf-8").replace("\n# ", "\n")
    shown = re.findall(r"^.*?\b(who|when|expr|if) = ('.+')", commented, re.MULTILINE)
    assert {key for key, _ in shown} == {"who", "when", "expr", "if"}
    lines = {"who": "[scope]\nwho = {}", "when": "[suspend]\nwhen = {}", "if": "[[rule]]\nif = {}"}
    for key, written in shown:
        line = lines.get(key, "[[copy]]\nto = 'roles'\nexpr = {}").format(written)
        assert parse_mapping(f'{line}\n[tables.language]\nes = "Spanish"\n').computed


WITH_EVERYTHING = """
[scope]
who = 'inGroup("CC")'
[suspend]
when = 'leave == "x"'
[attributes]
title = { expr = 'lookup("t", job, job)' }
[externalIds]
teams = "upn"
[[copy]]
expr = 'languages'
to = "languages"
[[rule]]
if = 'job == "a"'
roles = ["R"]
[tables.t]
a = "b"
[policy]
title = "seed"
"""


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"CC"', '"C"'),
        ("[suspend]", 'leaving = "release"\n[suspend]'),
        ("[suspend]", 'blank = "leave"\n[suspend]'),
        ('"x"', '"y"'),
        ("job, job)", "job)"),
        ('"upn"', '"mail"'),
        ("'languages'", "'coalesce(languages)'"),
        ('"a"\'', '"b"\''),
        ('a = "b"', 'a = "c"'),
        ('title = "seed"', 'title = "observe"'),
        ('title = "seed"', 'title = "own"'),
    ],
)
def test_the_digest_is_of_all_that_decides(was: str, becomes: str) -> None:
    """Another expression, another row of a table, another answer to a blank: another mapping."""
    assert parse_mapping(WITH_EVERYTHING.replace(was, becomes)).digest != parse_mapping(WITH_EVERYTHING).digest


def test_what_has_its_default_is_in_no_digest() -> None:
    """Version 1 and absent tables are what a file says that names neither, so old files keep their digests."""
    same = "functions = 1\n[externalIds]\n[tables]\n" + SHIPPED.read_text(encoding="utf-8")
    assert parse_mapping(same).digest == shipped().digest


def test_the_digest_is_of_the_version_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file under another version of the expressions is another mapping."""
    for module in (mapping_file, expression):
        monkeypatch.setattr(module, "FUNCTIONS", {1: FUNCTIONS[1], 2: FUNCTIONS[1]})
    assert parse_mapping("functions = 2\n" + WITH_EVERYTHING).digest != parse_mapping(WITH_EVERYTHING).digest


def test_what_reads_nothing_has_no_list_of_sources() -> None:
    """[authority] of a fact that only an expression reads is as good as any; of one that nobody reads it is told."""
    assert parse_mapping(WITH_EVERYTHING + '[authority]\njob = ["okta"]\n"group:CC" = ["okta"]\n').file.authority
    with pytest.raises(MappingError, match=r"authority\.jobs: nothing in this file reads"):
        parse_mapping(WITH_EVERYTHING + '[authority]\njobs = ["okta"]\n')
