"""Leavers of whom less is known than it seems: nothing refused, lost or late before keeps their access."""

from dataclasses import replace

from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Org, person


def unreadable(method: str, path: str, answer: Response) -> Response:
    """No user may be read."""
    return Response(403, {}, {}) if method == "GET" and path.startswith("/Users/") else answer


async def test_a_leaver_who_could_not_be_read_when_they_were_found_is_revoked(org: Org) -> None:
    """Set up by hand, found, but not to be read: who leaves after that doesn't keep the access that they had."""
    await org.foreign("e1", externalId="E1")
    org.wire.after = unreadable
    org.say("E1", **person("E1"))
    await org.run()
    assert org.store.parked == {"E1": "refused"}
    org.wire.after = None
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked")


async def test_a_leaver_who_could_not_be_read_overwrites_nobody(org: Org) -> None:
    """Found, but not to be read, when they left: nothing was sent then, so the first that is rests on what was read."""
    await org.foreign("e1", externalId="E1")
    org.wire.after = unreadable
    org.say("E1", **person("E1"))
    seq = org.say("E1", active=False)
    await org.run()
    assert (org.store.parked, org.fate(seq)) == ({"E1": "refused"}, "parked")
    org.wire.after = None
    org.again("E1")
    await org.run()
    _, patch = await org.writes()
    assert (patch["if_match"], patch["body"]["Operations"][0]["value"]) == ('"1"', False)
    assert ((await org.user())["active"], org.store.parked) == (False, {})


async def test_a_leaver_whose_return_was_not_answered_is_revoked(org: Org) -> None:
    """A return that was applied but not answered, and can't be read back, doesn't outlast the next leave."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    await org.faults({"kind": "503_after", "method": "PATCH", "times": 1})
    org.wire.after = unreadable
    org.say("E1", active=True)
    await org.run()
    assert ((await org.user())["active"], org.store.parked) == (True, {"E1": "refused"})
    org.wire.after = None
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked")


async def test_a_leaver_is_revoked_though_reads_show_them_as_before_their_return(org: Org) -> None:
    """Back, with an unknown language, and gone again while reads still show the time before: access is taken."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    left: list[int] = []

    def lags(method: str, path: str, answer: Response) -> Response:
        if method != "GET" or not path.startswith("/Users/") or left:
            return answer
        left.append(org.say("E1", active=False))
        return replace(answer, body={**answer.body, "active": False})

    org.wire.after = lags
    org.say("E1", active=True, genesysLanguage="Klingon")
    await org.run()
    assert ((await org.user())["active"], org.fate(left[0])) == (False, "revoked")


async def test_a_leaver_who_is_deleted_meanwhile_is_told(org: Org) -> None:
    """Found in a hurry, and deleted by an administrator before we come to it: nothing is left to do, and that ends."""
    there = await org.foreign("e1", externalId="E1")
    paths: list[str] = []

    async def deleted(method: str, path: str) -> None:
        paths.append(path)
        assert len(paths) < 20, paths
        if method == "PATCH":
            await org.call("DELETE", f"Users/{there}")

    org.wire.before = deleted
    seq = org.say("E1", **{**person("E1"), "department": "Spanish Support", "active": False})
    await org.run()
    assert org.fates[seq] == 1
    assert not any("None" in path for path in paths)


async def test_a_leaver_whose_deactivation_was_not_answered_is_not_written_twice(org: Org) -> None:
    """Back and gone again, and the answer to that is lost: the read shows a version of its own, so it was applied."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    left: list[int] = []
    deactivations: list[str] = []

    def leaves(method: str, path: str, answer: Response) -> Response:
        if method == "PATCH" and not left:
            left.append(org.say("E1", active=False))
        elif method == "PATCH":
            deactivations.append(path)
            return Response(504, {}, {}) if len(deactivations) == 1 else answer
        return answer

    org.wire.after = leaves
    org.say("E1", active=True)
    await org.run()
    assert ((await org.user())["active"], org.fate(left[0])) == (False, "revoked")
    assert len(deactivations) == 1
