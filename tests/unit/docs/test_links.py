"""Links between the pages lead somewhere, and nothing stands in two pages."""

from pathlib import Path

from tests.support.pages import Page, broken_links, pages, repeated_paragraphs, repeated_sections

PAGES = pages()
SENTENCE = " ".join(f"word{number}" for number in range(30))


def test_links_lead_somewhere() -> None:
    """Every relative link names a file of the repository, and every anchor a heading of that page."""
    assert sum(len(page.links) for page in PAGES) > 20
    assert broken_links(PAGES) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    """A file that isn't there, one outside the repository, and a heading that isn't there, on this page or another."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file.py").touch()
    front = Page(
        "README.md",
        "# Top\n[a](sub/README.md#real-kafka) [b](sub/README.md#kafka) [c](sub/none.md) [d](#top) [e](#bottom)\n"
        "[f](../x) [g](https://example.com/none) `[h](none)` [over\ntwo lines](sub/file.py) [i](sub/file.py#top)\n"
        "```sh\n[j](none)\n# bottom\n```\n",
    )
    other = Page("sub/README.md", "## Real Kafka!\n[k](../README.md#top) [l](README.md)\n")
    for page in (front, other):
        (tmp_path / page.path).write_text(page.text, encoding="utf-8")
    assert pages(tmp_path) == [front, other]
    assert broken_links([front, other], tmp_path) == [
        "README.md: sub/README.md#kafka",
        "README.md: sub/none.md",
        "README.md: #bottom",
        "README.md: ../x",
        "README.md: sub/file.py#top",
    ]


def test_anchors_are_those_of_github() -> None:
    """Lower case, hyphens for blanks, no other punctuation; a heading that comes again is numbered."""
    page = Page("README.md", "# What if?\n## `mapping check`, and why\n## Decisions\n## Decisions\n")
    assert page.anchors == {"what-if", "mapping-check-and-why", "decisions", "decisions-1"}


def test_no_two_pages_have_the_same_section() -> None:
    """Each thing is told in one place; other pages link to it."""
    assert repeated_sections(PAGES) == []


def test_no_two_pages_have_the_same_paragraph() -> None:
    """Neither a paragraph nor an item, a row or a block of code of 25 words stands in two pages."""
    assert repeated_paragraphs(PAGES) == []


def test_repeated_sections_are_found() -> None:
    """One heading with nearly the same words is told; the same heading over other words, or another heading, isn't."""
    one = Page("a/README.md", f"# A\n\n## Real Kafka\n\n{SENTENCE}\n\n## Decisions\n\nfirst\n")
    near = Page(
        "b/README.md", f"# B\n\n### Real kafka\n\n{SENTENCE.replace('word7', 'other')}\n\n## Decisions\n\nnext\n"
    )
    far = Page("c/README.md", f"# C\n\n## Real Genesys\n\n{SENTENCE}\n")
    assert repeated_sections([one, near, far]) == ["a/README.md and b/README.md: real kafka"]


def test_repeated_paragraphs_are_found() -> None:
    """Wherever its lines break, as a paragraph, an item, a row or a block; a short one may stand in two pages."""
    one = Page(
        "a/README.md", f"# A\n\n{SENTENCE}\n\n- item {SENTENCE}\n- b\n\nshort one\n\n```sh\nrun {SENTENCE}\n```\n"
    )
    broken = SENTENCE.replace(" word9", "\nword9")
    two = Page("b/README.md", f"# B\n\nshort one\n\n{broken}\n\n1. x\n")
    three = Page("c/README.md", f"# C\n\n- c\n- item {SENTENCE}\n\n| a |\n|---|\n| row |\n")
    four = Page("d/README.md", f"# D\n\n```sh\nrun {SENTENCE}\n```\n")
    assert repeated_paragraphs([one, two, three, four]) == [
        f"a/README.md and b/README.md: {SENTENCE}",
        f"a/README.md and c/README.md: - item {SENTENCE}",
        f"a/README.md and d/README.md: run {SENTENCE}",
    ]
