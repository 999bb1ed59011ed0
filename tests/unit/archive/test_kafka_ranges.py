"""Which topics are read: those that exist, and of later ones those that we may read."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from streamproc.archive.kafka_ranges import Cluster
from streamproc.core.errors import KafkaRightsError
from streamproc.core.records.topic_names import CHANGES, FINDINGS, OUTCOMES

NO_CONSUMER = cast("Any", None)


def cluster(*hidden: str) -> Cluster:
    """A cluster of two partitions on whose `hidden` topics we have no right."""

    async def counts(topics: Iterable[str]) -> dict[str, int]:
        names = list(topics)
        if refused := set(names) & set(hidden):
            raise KafkaRightsError(f"Read on topic {', '.join(sorted(refused))}")
        return dict.fromkeys(names, 2)

    return Cluster("c", counts, NO_CONSUMER, NO_CONSUMER)


async def test_a_right_that_an_older_release_did_not_need_is_not_missed() -> None:
    """Whoever archives with the rights of before goes on archiving what was there before."""
    topics = [CHANGES, FINDINGS, OUTCOMES]
    assert await cluster().existing(topics, 2) == [OUTCOMES, FINDINGS, CHANGES]
    assert await cluster(FINDINGS).existing(topics, 2) == [OUTCOMES, CHANGES]


@pytest.mark.parametrize("hidden", [(OUTCOMES,), (OUTCOMES, FINDINGS)])
async def test_a_right_that_was_always_needed_is_missed_by_name(hidden: tuple[str, ...]) -> None:
    """A topic that we may not read is never taken for one that isn't there."""
    with pytest.raises(KafkaRightsError, match=r"on topic scim\.outcomes"):
        await cluster(*hidden).existing([CHANGES, FINDINGS, OUTCOMES], 2)
