"""The topology: the picture, the topics' settings, and that they say what the architecture relies on."""

from streamproc.core.records.topic_names import CHANGES, DELIVERIES, OPERATIONS, OUTCOMES, REJECTIONS
from streamproc.sources import SOURCES
from streamproc.topic_picture import picture
from streamproc.topics import TOPICS

BY_NAME = {topic.name: topic for topic in TOPICS}


def test_the_picture_shows_every_topic() -> None:
    """Each topic stands in the picture once, and the picture shows no other."""
    words = [
        word.strip(",")
        for line in picture().splitlines()
        for word in line.replace(";", "").split()
        if "." in word and word != "2.0"
    ]
    assert sorted(words) == sorted(BY_NAME)


def test_every_source_has_its_topic() -> None:
    """A source that is registered has a topic for its raw events, and names are given once."""
    assert {f"events.{source}" for source in SOURCES} <= BY_NAME.keys()
    fetched = {f"notifications.{source.name}" for source in SOURCES.values() if source.fetched}
    assert {name for name in BY_NAME if name.startswith("notifications.")} == fetched
    assert len(BY_NAME) == len(TOPICS)


def test_every_topic_says_what_it_is_for() -> None:
    """Key, writer, reader and purpose are told of each, and a schema file unless the value is the source's own."""
    for topic in TOPICS:
        assert all([topic.key, topic.writer, topic.reader, topic.purpose])
        assert topic.schema == (f"{topic.name}.schema.json" if topic.value else "")


def test_the_system_of_record_is_never_thinned_out() -> None:
    """Changes and outcomes are kept for ever and never compacted: they are what is replayed and audited."""
    for name in (CHANGES, OUTCOMES):
        assert BY_NAME[name].config["cleanup.policy"] == "delete"
        assert BY_NAME[name].config["retention.ms"] == "-1"


def test_rejected_input_outlives_the_raw_topics_and_isnt_kept_for_ever() -> None:
    """It has whole bodies, and so people's data; and it can be taken up again for as long."""
    raw, rejected = (int(BY_NAME[name].config["retention.ms"]) for name in ("events.hris", REJECTIONS))
    assert raw < rejected < 200 * 24 * 3600 * 1000
    assert BY_NAME[REJECTIONS].config["cleanup.policy"] == "delete"


def test_state_is_compacted_and_never_expires() -> None:
    """The two state topics keep each user's last record; operations give a reader days before any is thinned out."""
    for name in (OPERATIONS, DELIVERIES):
        assert BY_NAME[name].config["cleanup.policy"] == "compact"
        assert "retention.ms" not in BY_NAME[name].config
    assert int(BY_NAME[OPERATIONS].config["min.compaction.lag.ms"]) >= 3 * 24 * 3600 * 1000


def test_the_brokers_clock_stamps_what_is_judged_by_time() -> None:
    """No producer may set the time by which events count as ahead: the broker stamps raw events and changes."""
    for name in (*(f"events.{source}" for source in SOURCES), CHANGES):
        assert BY_NAME[name].config["message.timestamp.type"] == "LogAppendTime"


def test_one_user_is_one_key() -> None:
    """Changes, operations, outcomes and deliveries have the user ID for a key, so that a user has one partition."""
    assert {BY_NAME[name].key for name in (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES)} == {"user ID"}
