"""The checks run side by side: what one does is no other's affair."""

import asyncio
from collections.abc import Sequence

from streamproc.core.errors import TargetError
from streamproc.doctor.examination import Check, examine
from streamproc.doctor.line import Line

ADDRESSES = "see whether the addresses, a proxy between and the network are right"
GOOD = Line("ok", "clocks", "target", "is right")


async def good() -> Sequence[Line]:
    """What a check finds."""
    return [GOOD]


async def silent() -> Sequence[Line]:
    """One that never ends."""
    await asyncio.Event().wait()
    return []


async def unanswered() -> Sequence[Line]:
    """One that fails as ours do."""
    raise TargetError("/me: no answer. Is it up?")


async def broken() -> Sequence[Line]:
    """One with a mistake in it, whose text may be anybody's."""
    raise KeyError("secret")


async def test_whatever_fails_is_a_line_and_hides_no_other() -> None:
    """Errors come first; a mistake of ours quotes nothing; who can't be asked is one error, not one in each part."""
    checks = [
        Check("clocks", "target", good),
        Check("kafka", "cluster", silent),
        Check("target", "token", unanswered),
        Check("sources", "okta", broken),
        Check("catalogue", "names", unanswered),
        Check("permissions", "OAuth client", silent),
    ]
    assert await examine(checks, 0.01) == [
        Line(
            "error",
            "kafka",
            "cluster",
            "no answer within 0.01 s",
            "run it again; if it stays so, see what is between us and it",
        ),
        Line("error", "target", "token", "/me: no answer. Is it up?", ADDRESSES),
        Line(
            "error",
            "sources",
            "okta",
            "couldn't be looked at: KeyError",
            "a mistake in the code: see what the others say",
        ),
        Line("warning", "catalogue", "names", "not looked at: /me: no answer. Is it up?"),
        Line("warning", "permissions", "OAuth client", "not looked at: no answer within 0.01 s"),
        GOOD,
    ]
