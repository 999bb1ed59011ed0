"""HR vendors' stand-ins, each asked by its own client: settings, and a world with one of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp.test_utils import TestServer

from streamproc.adapters.http import http_session
from streamproc.compose.hr_vendors import hr_vendor
from streamproc.settings import NetworkSettings, load_settings
from streamproc.simulator import create_app
from streamproc.simulator.directories.gusto import COMPANY
from streamproc.simulator.directories.kombo import INTEGRATION
from tests.support.hydrator import OPTIONS, Clock, World
from tests.support.stand_ins import Site

VENDORS: Final = ("bamboohr", "hibob", "gusto", "personio", "finch", "merge", "kombo")
NUMBERED: Final = {
    "gusto": "custom.employeeNumber",
    "personio": "custom.employee_number",
    "finch": "employment.source_id",
}
"""Where the employee number is, of those who have none of their own."""
LISTED: Final = frozenset({"bamboohr", "personio"})
"""Those whose lists only name people."""


def pointed(root: str, vendor: str, folder: Path) -> dict[str, Any]:
    """Settings by which the HR vendor is the stand-in at `root`."""
    file = folder / "gusto-token"
    file.write_text("refresh-1")
    more: dict[str, dict[str, Any]] = {
        "gusto": {"hris_company": COMPANY, "hris_token_file": file},
        "merge": {"hris_account_token": "account"},
        "kombo": {"hris_company": INTEGRATION},
    }
    return {
        "hris_vendor": vendor,
        "hris_url": f"{root}/{vendor}",
        "hris_user": "demo",
        "hris_secret": "demo",
        "hris_page_size": 2,
        **more.get(vendor, {}),
    }


@asynccontextmanager
async def worlds(vendor: str, folder: Path) -> AsyncIterator[World]:
    """A world in which source `hris` is this vendor."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app()))
        session = await stack.enter_async_context(http_session(NetworkSettings()))
        clock = Clock()
        root = str(server.make_url("/")).rstrip("/")
        settings = load_settings(**pointed(root, vendor, folder)).hydrator.hris
        client = hr_vendor(settings, session, OPTIONS["hris"], clock.directories)
        assert client is not None
        yield World(Site(session, server.make_url("/")), {"hris": client}, clock)
