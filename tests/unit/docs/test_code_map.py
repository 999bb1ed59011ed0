"""Where is what: the code's own pages name every package, and files that are there."""

import re

from tests.support.pages import pages
from tests.support.paths import REPOSITORY

CODE = REPOSITORY / "streamproc"
PAGES = {page.path: page for page in pages() if page.path.startswith("streamproc/")}
MAP = PAGES.pop("streamproc/README.md")


def packages() -> set[str]:
    """What lies in the package, and in its two folders of packages."""
    children = {
        child.relative_to(CODE).as_posix() + ("/" if child.is_dir() else "")
        for folder in (CODE, CODE / "core", CODE / "audit")
        for child in folder.iterdir()
        if (child / "__init__.py").exists() or (folder == CODE and child.suffix in {".py", ".toml"})
    }
    return children - {"core/", "audit/", "__init__.py"}


def test_the_map_has_every_package_and_real_files() -> None:
    """Who looks for a file finds a line for each package, and each file where that line says."""
    rows = re.findall(r"^\| `([\w/.]+)` \| (.*) \|$", MAP.text.split("\n## Where is what\n")[1], re.MULTILINE)
    shown = {package for package, _ in rows}
    assert shown >= packages()
    for package in shown - packages():
        assert (CODE / package / "__init__.py").exists(), f"{package} is no package"
    for package, text in rows:
        for name in re.findall(r"`(\w[\w/]*(?:\.py|/))`", text):
            assert (CODE / package / name).exists(), f"{package}{name}"


def test_the_packages_pages_name_real_files() -> None:
    """Relative to the page's folder, or to the whole package."""
    for path, page in PAGES.items():
        folder = (REPOSITORY / path).parent
        for name in (span for span in page.spans if re.fullmatch(r"[\w/]+(?:\.py|/)", span)):
            assert (folder / name).exists() or (CODE / name).exists(), f"{path}: {name}"
