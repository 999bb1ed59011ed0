"""A small part of the hostile and malformed requests that `python -m tests.judges.scim_fuzz` plays."""

from pathlib import Path

from tests.judges.scim_fuzz import fuzz


async def test_no_request_does_harm(tmp_path: Path) -> None:
    """Each is answered in SCIM's words and none by an error of ours; no stranger writes, no password is kept, and the
    log leads to what clients read.
    """
    found = await fuzz(1, 300, tmp_path)
    assert not found.faults, found.faults
    assert found.tried.total() == 300
    assert found.written > 10
