"""Bundles whose lines are altered, and whose sums are made again."""

from typing import Any

import orjson

from streamproc.audit.evidence.raw_line import line_of
from streamproc.audit.evidence.signature import public_pem
from tests.support.bundles import KEY, Files

OURS = public_pem(KEY.public_key())


def values(files: Files, name: str) -> list[dict[str, Any]]:
    """What the lines of a file say."""
    return [orjson.loads(line_of(each).value or b"{}") for each in files[name].splitlines()]
