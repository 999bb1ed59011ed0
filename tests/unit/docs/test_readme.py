"""The front page: short, the two commands first, a way to everything else; and what the code writes on any page."""

import re

import pytest

from tests.support.generated import GENERATED, block, rewritten
from tests.support.pages import Page, pages
from tests.support.paths import REPOSITORY

LINES = 220
DEMO = "python3 -m venv .venv && .venv/bin/pip install -e '.[embedded]' && .venv/bin/streamproc demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[embedded,dev]' && .venv/bin/pytest"

PAGES = pages()
README = next(page for page in PAGES if page.path == "README.md")


def test_the_front_page_is_short() -> None:
    """Whoever wants to know what this is reads it in one go."""
    assert len(README.text.splitlines()) <= LINES


def test_the_two_commands_come_first() -> None:
    """Whoever opens the file can copy the demo and the tests, each complete in one line."""
    assert [content.strip() for content in README.fences("sh")[:2]] == [DEMO, TEST]
    assert README.text.index(TEST) < README.text.index("\n## ")


def test_extras_of_the_commands_exist() -> None:
    """An extra that isn't there would be no more than a warning of pip's."""
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in ("embedded", "dev"):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


def test_the_front_page_leads_to_every_other_one() -> None:
    """Its map links each page; those of the fixtures are found beside the fixtures."""
    others = {page.path for page in PAGES if not page.path.startswith("tests/fixtures/")} - {"README.md"}
    where = README.text.split("\n## Where the rest is\n")[1]
    assert set(Page("README.md", where).links) == others


@pytest.mark.parametrize("name", GENERATED)
def test_generated_blocks_are_current(name: str) -> None:
    """Picture and tables say what the code says, once each; `python -m tests.support.generated` writes them anew."""
    ((_, content, _),) = (match for page in PAGES for match in block(name).findall(page.text))
    assert content == GENERATED[name]() + "\n"


def test_writing_the_blocks_anew_mends_them_and_nothing_else() -> None:
    """A block that was changed by hand is as before, whatever is around it; a page without blocks stays as it is."""
    for page in PAGES:
        spoilt = re.sub(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", r"\1by hand\\1\n\3", page.text, flags=re.DOTALL)
        assert (spoilt != page.text) == ("<!-- /" in page.text)
        assert rewritten(spoilt) == page.text
