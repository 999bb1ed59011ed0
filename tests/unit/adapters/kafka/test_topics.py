"""Topics that a service can do without: where they can't be had, that is told, and it starts."""

from typing import Any, cast

import pytest

from streamproc import rights
from streamproc.adapters.kafka import topics
from streamproc.adapters.kafka.allowed import Seen
from streamproc.core.errors import KafkaRightsError, TopologyError
from streamproc.core.records.topic_names import STATUS
from streamproc.settings import load_settings
from tests.support.logged import logged


@pytest.mark.parametrize("error", [KafkaRightsError("Create on topic"), TopologyError("can't be created")])
async def test_a_topic_for_states_that_cant_be_created_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has created it and we may not: once, with its name and the reason. Other topics would end the start."""
    wanted: list[str] = []

    async def look(_: Any, names: list[str]) -> dict[str, Seen]:
        return {name: Seen(0, hidden=False, operations=None) for name in names}

    async def create(_: Any, absent: list[Any], __: Any) -> None:
        wanted.extend(topic.name for topic in absent)
        raise error

    monkeypatch.setattr(topics, "look", look)
    monkeypatch.setattr(topics, "_create", create)
    spared = set(rights.worker("g")) - set(rights.essential(rights.worker("g")))
    with logged(topics) as lines:
        await topics._create_spared(cast("Any", None), {right.name for right in spared}, load_settings().kafka)
    assert wanted == [STATUS]
    assert [(line["log_level"], line["topics"]) for line in lines] == [("warning", [STATUS])]


async def test_a_topic_that_is_there_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or may be there, and isn't shown to us."""

    async def look(_: Any, names: list[str]) -> dict[str, Seen]:
        return {name: Seen(0, hidden=True, operations=None) for name in names}

    async def create(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(topics, "look", look)
    monkeypatch.setattr(topics, "_create", create)
    await topics._create_spared(cast("Any", None), {STATUS}, load_settings().kafka)
