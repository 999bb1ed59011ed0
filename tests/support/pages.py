"""The documentation as data: every README.md of the repository, its code, headings, links and paragraphs."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import Final

from tests.support.paths import REPOSITORY

NOT_OURS: Final = {"build", "data"}
"""Folders whose pages aren't the repository's, beside hidden ones such as `.venv` and `.git`."""
LONG: Final = 25
"""Words of a paragraph from which on two pages may not both have it."""
ALIKE: Final = 0.8
"""Share of equal words (of `SequenceMatcher`) from which on two sections of one heading are the same section."""

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN: Final = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Page:
    """One README.md: its path below the root, with slashes, and its text."""

    path: str
    text: str

    def fences(self, *languages: str) -> list[str]:
        """Content of the fenced blocks in any of the languages."""
        return [content for language, content in _FENCE.findall(self.text) if language in languages]

    @property
    def prose(self) -> str:
        """All but the fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """What is set as code within prose."""
        return _SPAN.findall(self.prose)

    @property
    def code(self) -> list[str]:
        """Every line that somebody may run: in blocks of shell and CI, and spans within prose."""
        return [line for block in self.fences("sh", "yaml") for line in block.splitlines()] + self.spans

    @property
    def links(self) -> list[str]:
        """Targets of the links."""
        return _LINK.findall(_SPAN.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """Names by which GitHub lets one link to the headings."""
        names: list[str] = []
        for _, heading in _HEADING.findall(self.prose):
            name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            names.append(f"{name}-{names.count(name)}" if name in names else name)
        return set(names)

    @property
    def sections(self) -> list[tuple[str, list[str]]]:
        """Each heading in lower case, and the words from there to the next one."""
        parts = _HEADING.split(self.prose)
        sections = zip(parts[2::3], parts[3::3], strict=True)
        return [(heading.lower(), body.split()) for heading, body in sections if body.strip()]

    @property
    def paragraphs(self) -> Iterator[str]:
        """Paragraphs, items of lists, rows of tables and fenced blocks, each with single blanks."""
        for block in _FENCE.findall(self.text):
            yield " ".join(block[1].split())
        for paragraph in re.split(r"\n\s*\n|\n(?=[|\-*] ?)|\n(?=\d+\. )", self.prose):
            yield " ".join(paragraph.split())


def pages(root: Path = REPOSITORY) -> list[Page]:
    """Every README.md below a folder."""
    paths = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith(".")]
        paths += [Path(folder) / name for name in files if name == "README.md"]
    return [Page(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in sorted(paths)]


def broken_links(documents: Sequence[Page], root: Path = REPOSITORY) -> list[str]:
    """Links to files or headings that aren't there; addresses of the web aren't looked up."""
    by_path = {page.path: page for page in documents}
    broken = []
    for page in documents:
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (root / page.path).parent / name if name else root / page.path
            resolved = target.resolve()
            inside = resolved.is_relative_to(root.resolve()) and resolved.exists()
            document = by_path.get(resolved.relative_to(root.resolve()).as_posix()) if inside else None
            if not inside or (anchor and (document is None or anchor not in document.anchors)):
                broken.append(f"{page.path}: {link}")
    return broken


def repeated_sections(documents: Sequence[Page]) -> list[str]:
    """Sections of one heading and nearly the same words that two pages both have."""
    return [
        f"{one.path} and {other.path}: {heading}"
        for one, other in combinations(documents, 2)
        for heading, words in one.sections
        for same, others in other.sections
        if heading == same and SequenceMatcher(None, words, others, autojunk=False).ratio() >= ALIKE
    ]


def repeated_paragraphs(documents: Sequence[Page]) -> list[str]:
    """Paragraphs of `LONG` words or more that two pages both have."""
    return [
        f"{one.path} and {other.path}: {paragraph}"
        for one, other in combinations(documents, 2)
        for paragraph in sorted(set(one.paragraphs) & set(other.paragraphs))
        if len(paragraph.split()) >= LONG
    ]
