"""What sources show of their hooks, and when something last came of them."""

import pytest

from streamproc.core.records.units import Millis
from streamproc.doctor.sources import Configured, is_shown, judged, last_event, last_sync, newest_subject
from streamproc.hydrator.directories.hook import Hook
from streamproc.hydrator.directories.okta import Okta
from streamproc.hydrator.directories.pingone import PingOne
from streamproc.testing.memory_log.partition import MemoryRecord
from tests.support.answering import Answering, done

OKTA = Configured("okta", door=True, fetched=True, sync_every=900)
GRAPH = Configured("entra", door=True, fetched=True, subscription="https://gw.example/v1/entra")


@pytest.mark.parametrize(
    ("hooks", "severity", "words"),
    [
        ([Hook("https://gw.example/v1/okta")], "ok", "goes to https://gw.example/v1/okta"),
        ([Hook("https://gw.example/streamproc/v1/okta/")], "ok", "goes to"),
        ([Hook("https://gw.example/v1/okta", "INACTIVE"), Hook("https://gw2.example/v1/okta")], "ok", "goes to"),
        ([Hook("https://gw.example/v1/okta", "INACTIVE")], "error", "doesn't work: INACTIVE"),
        ([Hook("https://other.example/hook")], "warning", "none of its hooks goes to"),
        ([Hook("http://[")], "warning", "none of its hooks goes to"),
        ([], "warning", "none of its hooks goes to"),
    ],
)
def test_a_hook_has_to_go_to_the_gateway_and_work(hooks: list[Hook], severity: str, words: str) -> None:
    """By the end of its path, since nobody tells us at which address a source reaches the gateway."""
    (line,) = judged(OKTA, hooks)
    assert (line.severity, line.about) == (severity, "hook of okta")
    assert words in line.text


def test_a_subscription_has_to_go_to_its_own_address() -> None:
    """Which is set; and it says when it ends."""
    (there,) = judged(GRAPH, [Hook("https://gw.example/v1/entra", ends="2026-12-24T00:00:00Z")])
    assert (there.severity, there.text) == ("ok", "goes to https://gw.example/v1/entra until 2026-12-24T00:00:00Z")
    (elsewhere,) = judged(GRAPH, [Hook("https://old.example/v1/entra")])
    assert elsewhere.severity == "error"


def record(topic: str, seconds: float, key: bytes = b"00u1") -> MemoryRecord:
    """One of a topic, appended then."""
    return MemoryRecord(topic, 0, 0, Millis(int(seconds * 1000)), key, b"{}", ())


@pytest.mark.parametrize(
    ("ago", "words"),
    [(5, "less than a minute ago"), (61, "1 minute ago"), (7300, "2 hours ago"), (9 * 86_400, "9 days ago")],
)
def test_when_something_last_came_is_told(ago: float, words: str) -> None:
    """The newest of all its topics."""
    newest = {
        "events.okta": [record("events.okta", 0)],
        "notifications.okta": [record("notifications.okta", 1e6 - ago)],
    }
    line = last_event(OKTA, newest, 1e6)
    assert (line.severity, line.text) == ("ok", f"the last one came {words}")


def test_a_source_of_which_nothing_ever_came_is_told() -> None:
    """Where all of its topics were looked at; of what may not be read nothing is said."""
    assert last_event(OKTA, {"events.okta": (), "notifications.okta": ()}, 1e6).severity == "warning"
    assert is_shown(OKTA, {"events.okta": (), "notifications.okta": ()})
    assert not is_shown(OKTA, {"events.okta": ()})


def test_a_synchronisation_that_stands_still_is_told() -> None:
    """After three rounds' time, and not within an hour; where none is wanted nothing is said."""
    lines = {ago: [*last_sync(OKTA, {"okta": 1e6 - ago}, 1e6)] for ago in (60, 3599, 3601)}
    assert [line.severity for (line,) in lines.values()] == ["ok", "ok", "warning"]
    (never,) = last_sync(OKTA, {"entra": 1e6}, 1e6)
    assert (never.severity, never.text) == ("warning", "there was none yet")
    assert list(last_sync(GRAPH, {}, 1e6)) == []


def test_the_subject_to_ask_about_is_one_that_the_source_told_of() -> None:
    """The last one; not one whom an outside producer named, whose ids may be others."""
    newest = {"events.entra": [record("events.entra", 9, b"E7")], "intake.entra": [record("intake.entra", 5, b"id7")]}
    assert newest_subject("entra", newest) == "id7"
    assert newest_subject("okta", {}) == ""


def test_okta_and_pingone_show_their_hooks() -> None:
    """As their documents have them; one that isn't active, verified or enabled says why."""
    okta = [
        _event_hook("https://gw.example/v1/okta", "ACTIVE", "VERIFIED"),
        _event_hook("https://gw.example/v1/okta", "INACTIVE", "UNVERIFIED"),
        {"id": "who2"},
    ]
    api = Answering(lambda url: (200, okta, "") if url == "/api/v1/eventHooks" else (404, {}, ""))
    assert [(hook.url, hook.wrong) for hook in done(Okta(api).hooks())] == [  # type: ignore[arg-type]
        ("https://gw.example/v1/okta", ""),
        ("https://gw.example/v1/okta", "INACTIVE, UNVERIFIED"),
        ("", "None, None"),
    ]
    webhooks = [
        {"enabled": enabled, "httpEndpoint": {"url": "https://gw.example/v1/pingone", "headers": {}}}
        for enabled in (True, False)
    ]
    page = {"_embedded": {"subscriptions": webhooks}, "size": 2}
    api = Answering(lambda url: (200, page, "") if url == "/environments/env/subscriptions" else (404, {}, ""))
    assert [hook.wrong for hook in done(PingOne(api, "env").hooks())] == ["", "not enabled"]  # type: ignore[arg-type]


def _event_hook(url: str, status: str, verified: str) -> dict[str, object]:
    channel = {"type": "HTTP", "version": "1.0.0", "config": {"uri": url, "headers": []}}
    return {"id": "who1", "status": status, "verificationStatus": verified, "channel": channel}
