"""What judges need, in folders of their own below build/: an environment of Python, or the jars of a Maven artifact."""

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.paths import REPOSITORY

BUILD: Final = REPOSITORY / "build" / "front_door"
GUESTS: Final = Path(__file__).parent / "guests"
JAVA: Final = Path(__file__).parent / "java"
_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>judges</groupId><artifactId>{name}</artifactId><version>1</version><dependencies>{dependencies}</dependencies>
</project>"""
_DEPENDENCY: Final = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class NotHereError(Exception):
    """A tool that a judge needs isn't installed."""


async def python(name: str, *packages: str) -> Path:
    """The interpreter of an environment with these packages, which is made once."""
    folder = BUILD / f"{name}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    interpreter = folder / "bin" / "python"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        await run([sys.executable, "-m", "venv", str(folder)])
        await run([str(interpreter), "-m", "pip", "install", "--quiet", *packages])
        (folder / "made").touch()
    return interpreter


async def classpath(name: str, *artifacts: str) -> str:
    """Jars of `group:artifact:version`, with what they need. Raises NotHereError where Java or Maven isn't."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise NotHereError(tool)
    folder = BUILD / f"{name}-{hashlib.sha256(' '.join(artifacts).encode()).hexdigest()[:8]}"
    found = folder / "classpath"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = "".join(_DEPENDENCY.format(*each.split(":")) for each in artifacts)
        (folder / "pom.xml").write_text(_POM.format(name=name, dependencies=wanted))
        await run(["mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath"], folder)
    return found.read_text().strip()


async def run(command: Sequence[str], folder: Path | None = None, *, must: bool = True) -> str:
    """What it writes. Raises RuntimeError with the end of it where the command fails, if it must not."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        written, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if must and process.returncode:
        raise RuntimeError(f"{command[0]}: {(written + errors).decode(errors='replace')[-2000:]}")
    return written.decode(errors="replace")
