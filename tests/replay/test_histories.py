"""The recorded histories lead where they led: a change of the fold that decides otherwise shows here, in words."""

from dataclasses import replace

import pytest

from tests.replay.record import HISTORIES
from tests.support.recorded import FOLDER, differences, folded, read

FILES = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_history_leads_where_it_led(name: str) -> None:
    """Each event gives each user the same desired state, operations, problems and next date as when it was recorded."""
    history = read(FOLDER / f"{name}.jsonl")
    found = list(differences(history))
    if found:
        pytest.fail(
            "\n".join(
                [
                    f"{len(found)} differences from {name}.jsonl:",
                    *found[:40],
                    "If that is meant: python -m tests.replay.record, and look at git diff tests/replay.",
                ]
            ),
            pytrace=False,
        )


def test_each_history_is_there_and_says_that_it_is_constructed() -> None:
    """No file is missing or left over; none pretends to be of real people."""
    assert {path.stem for path in FILES} == HISTORIES.keys()
    for path in FILES:
        history = read(path)
        assert history.title["constructed"] is True
        assert len(history.events) <= 200
        assert path.read_bytes() == history.encoded()


def test_a_difference_is_told_in_words() -> None:
    """Somebody who reads the failure sees which event gives whom what instead of what."""
    history = read(FOLDER / "demo.jsonl")
    offset, user = next((at, min(gives)) for at, gives in enumerate(history.gives) if gives)
    given = folded(history.events)
    desired = given[offset][user]["desired"]
    given[offset][user] |= {"desired": desired | {"title": "Admiral"}, "due": 7}
    event = history.events[offset]
    place = f"offset {offset} ({event['kind']} {event['event']} of {user}): {user}'s"
    assert list(differences(replace(history, gives=given))) == [
        f'{place} desired: title was "Admiral", and is "{desired["title"]}"',
        f"{place} due was 7, and is null",
    ]
