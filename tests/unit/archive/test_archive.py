"""The archive without Kafka: what is written is read back, and a file that isn't what it should be is named."""

import asyncio
import fcntl
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.archive import layout, writer
from streamproc.archive.copy import RAW, locked
from streamproc.archive.history import opened
from streamproc.archive.kafka_ranges import against
from streamproc.archive.layout import DAY, Gap, Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.cli.archive import archive
from streamproc.core.errors import ArchiveError, KafkaUnavailableError, SettingsError
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.settings import load_settings
from streamproc.topics import TOPICS

NOON = 1_772_452_800_000
MARK = b'{"kind":"mapping"}'

texts = st.none() | st.binary(max_size=8)
headers = st.lists(st.tuples(st.text(max_size=3), texts), max_size=2).map(tuple)


@st.composite
def logs(draw: st.DrawFn) -> list[StoredRecord]:
    """Records of one partition; offsets with gaps, timestamps in any order, around midnights."""
    found: list[StoredRecord] = []
    offset = draw(st.integers(0, 5))
    for _ in range(draw(st.integers(0, 12))):
        day, within = draw(st.integers(-1, 1)), draw(st.sampled_from([-1, 0, 1, DAY // 2]))
        timestamp = (NOON // DAY + day) * DAY + within
        key, value = draw(st.sampled_from([None, b"", b"E1", b"E2"])), draw(texts | st.just(MARK))
        found.append(StoredRecord(CHANGES, 1, offset, Millis(timestamp), key, value, draw(headers)))
        offset += draw(st.integers(1, 3))
    return found


def begun(folder: Path, *gaps: Gap, reach: tuple[tuple[int, int], ...] = (), partitions: int = 2) -> Path:
    """An archive of nothing, which may say that it has more: of the changes, by partition."""
    reaches = {CHANGES: reach} if reach else {}
    layout.keep_manifest(layout.make_folder(folder), Manifest(layout.VERSION, "cluster", partitions, (), gaps, reaches))
    return folder


def written(folder: Path, records: list[StoredRecord], first: int, following: int) -> Path:
    """These records, and that nothing else lies from offset `first` on and below `following`."""
    topic, partition = (records[0].topic, records[0].partition) if records else (CHANGES, 1)
    writing = ArchiveWriter(folder, topic, partition, first)
    for each in records:
        writing.add((each.offset, each.timestamp, each.key, each.value, each.headers))
    writing.close(following)
    return folder


def numbered(count: int, *, first: int = 0, apart: int = 1000) -> list[StoredRecord]:
    """Records with values that tell them apart."""
    return [
        StoredRecord(CHANGES, 1, n, Millis(NOON + n * apart), b"E1", b"%d" % n) for n in range(first, first + count)
    ]


def names(folder: Path) -> list[Path]:
    """An archive's files, by offset."""
    return sorted(folder.rglob("*.parquet"), key=lambda path: path.name)


@settings(max_examples=25, deadline=None)
@given(
    records=logs(),
    cut=st.integers(0, 12),
    first=st.integers(0, 30),
    until=st.none() | st.integers(-1, 2).map(lambda day: (NOON // DAY + day) * DAY + 1),
    key=st.none() | st.sampled_from([b"", b"E1", b"E9"]),
)
def test_what_was_written_is_read(
    records: list[StoredRecord], cut: int, first: int, until: int | None, key: bytes | None
) -> None:
    """In one folder, or in two after each other; the same as from memory."""
    end = records[-1].offset + 2 if records else 0
    middle = records[cut].offset if cut < len(records) else end
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ROWS", 3)
        one = written(begun(Path(name, "one")), records, 0, end)
        two = written(begun(Path(name, "two")), [each for each in records if each.offset < middle], 0, middle)
        three = written(begun(Path(name, "three")), [each for each in records if each.offset >= middle], middle, end)
        recalled = InMemoryHistory(records, 2)
        for history in (ArchivedHistory(one), pickle.loads(pickle.dumps(ArchivedHistory(two, three)))):
            found = list(history.read(CHANGES, 1, first=first, until=until, key=key))
            assert found == list(recalled.read(CHANGES, 1, first=first, until=until, key=key))
            assert list(history.read(CHANGES, 0)) == list(history.read(CONTROLS, 1)) == []
            assert history.last(CHANGES, 1) == (records[-1] if records else None)
            assert history.next(CHANGES, 1) == (end if records else None)
        only = list(ArchivedHistory(one, only=b"E1").read(CHANGES, 1))
        assert only == [each for each in records if each.key == b"E1" or each.value == MARK]


def test_files_by_day_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file for each day, and another where one gets large; their names follow each other, and are for the owner."""
    monkeypatch.setattr(writer, "FILE", 6)
    folder = written(begun(tmp_path / "a"), numbered(12, apart=DAY // 4), 0, 14)
    days = [(path.parent.name, path.stem.replace("0" * 18, "")[:-9]) for path in names(folder)]
    assert [day for day, _ in days] == sorted(day for day, _ in days)
    assert days[0] == ("day=2026-03-02", "00-02")  # noon and 18:00
    assert [stem.partition("-")[2] for _, stem in days[:-1]] == [stem.partition("-")[0] for _, stem in days[1:]]
    assert days[-1][1].endswith("-14")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")} == {0o700, 0o600}
    assert layout.leftovers(folder) == []


def _half(folder: Path) -> None:
    path = names(folder)[1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _another_name(folder: Path) -> None:
    path = names(folder)[-1]
    path.rename(path.with_name(f"{2:020}-{9:020}-{path.stem[-8:]}.parquet"))


def _another_end(folder: Path) -> None:
    path = names(folder)[-1]
    path.rename(path.with_name(f"{4:020}-{9:020}-{path.stem[-8:]}.parquet"))


def _nothing_at_all(folder: Path) -> None:
    path = names(folder)[0]
    path.write_bytes(b"")
    path.rename(path.with_name(f"{path.stem[:-8]}00000000.parquet"))


def _another_partition(folder: Path) -> None:
    place = folder / f"topic={CHANGES}" / "partition=1"
    place.rename(place.with_name("partition=0"))


def _another_day(folder: Path) -> None:
    place = names(folder)[0].parent
    place.rename(place.with_name("day=2026-03-03"))


def _no_content(folder: Path) -> None:
    names(folder)[0].write_bytes(b"")


def _no_name(folder: Path) -> None:
    names(folder)[0].with_name("copy.parquet").touch()


def _one_missing(folder: Path) -> None:
    names(folder)[1].unlink()


def _no_manifest(folder: Path) -> None:
    (folder / layout.MANIFEST).unlink()


def _half_a_manifest(folder: Path) -> None:
    (folder / layout.MANIFEST).write_text('{"version":')


def _newer_manifest(folder: Path) -> None:
    layout.keep_manifest(folder, Manifest(layout.VERSION + 1, None, 2))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_half, r"0002-0*4-.*\.parquet was altered, or cut short: .* while Kafka still has what it had"),
        (_no_content, r"0000-0*2-.*\.parquet was altered, or cut short"),
        (_nothing_at_all, "can't be read"),
        (_another_name, r"0002-0*4-.*\.parquet and .*0002-0*9-.*\.parquet overlap"),
        (_another_end, r"0004-0*9-.*\.parquet isn't what its name says: its content says .*'next': 6"),
        (_another_partition, r"partition=0/.* isn't what its name says: its content says .*'partition': 1"),
        (_another_day, r"day=2026-03-03/.* isn't what its name says"),
        (_no_name, r"copy\.parquet isn't a name of an archive's file"),
        (_one_missing, "identity.changes partition 1: the file of offsets 2 to 3 is missing between"),
        (_no_manifest, r"isn't an archive .*streamproc archive DIR"),
        (_half_a_manifest, r"_archive\.json can't be used"),
        (_newer_manifest, r"_archive\.json is of version 3, and 2 is the newest"),
    ],
)
def test_harm_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None], told: str
) -> None:
    """Each with the file, and what to do."""
    monkeypatch.setattr(writer, "FILE", 6)
    folder = written(begun(tmp_path / "a"), numbered(6), 0, 6)
    assert len(names(folder)) == 3
    harm(folder)
    with pytest.raises(ArchiveError, match=told):
        [list(ArchivedHistory(folder).read(CHANGES, partition)) for partition in (0, 1)]


def test_a_gap_that_was_put_up_with(tmp_path: Path) -> None:
    """It is in the archive's own words; another isn't."""
    folder = written(written(begun(tmp_path / "a"), numbered(3), 0, 3), numbered(2, first=7), 7, 9)
    with pytest.raises(ArchiveError, match="offsets 3 to 6 is missing"):
        ArchivedHistory(folder)
    begun(folder, Gap(CHANGES, 1, 3, 7))
    assert [each.offset for each in ArchivedHistory(folder).read(CHANGES, 1)] == [0, 1, 2, 7, 8]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ((1, 2), "identity.changes partition 1: the files of offsets 0 to 1 are missing, which _archive.json says are"),
        ((2,), "identity.changes partition 1: the files of offsets 0 to 3 are missing"),
        ((0, 1), "identity.changes partition 1: the files of offsets 4 to 5 are missing"),
        ((0,), "identity.changes partition 1: the files of offsets 2 to 5 are missing"),
        ((), "identity.changes partition 1: the files of offsets 0 to 5 are missing"),
    ],
    ids=["the first", "the first two", "the last", "the last two", "all"],
)
def test_files_at_either_end_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: tuple[int, ...], told: str
) -> None:
    """What an archive says that it has is there, or its place is named."""
    monkeypatch.setattr(writer, "FILE", 6)
    folder = written(begun(tmp_path / "a", reach=((0, 0), (0, 6))), numbered(6), 0, 6)
    assert len(list(ArchivedHistory(folder).read(CHANGES, 1))) == 6
    for number, path in enumerate(names(folder)):
        if number not in left:
            path.unlink()
    with pytest.raises(ArchiveError, match=told):
        list(ArchivedHistory(folder).read(CHANGES, 1))
    assert list(ArchivedHistory(folder).read(CONTROLS, 1)) == []  # that one is as it was
    begun(folder)
    assert [each.offset // 2 for each in ArchivedHistory(folder).read(CHANGES, 1)] == [n for n in left for _ in "ab"]


def test_there_may_be_more_than_it_says(tmp_path: Path) -> None:
    """A run that was killed had written files that the archive doesn't tell of yet; what is empty stays so."""
    folder = written(begun(tmp_path / "a", reach=((0, 0), (0, 4))), numbered(6), 0, 6)
    assert len(list(ArchivedHistory(folder).read(CHANGES, 1))) == 6
    begun(folder, reach=((0, 0), (0, 0)))
    assert len(list(ArchivedHistory(folder).read(CHANGES, 1))) == 6
    begun(folder, Gap(CHANGES, 1, 0, 3), reach=((0, 0), (0, 9)))
    names(folder)[0].unlink()
    written(folder, numbered(6, first=3), 3, 9)
    assert [each.offset for each in ArchivedHistory(folder).read(CHANGES, 1)] == list(range(3, 9))


@pytest.mark.parametrize(
    ("partitions", "reach", "told"),
    [
        (0, (), "it says 0 partitions"),
        (-1, (), "it says -1 partitions"),
        (3, ((0, 0), (0, 6)), "it says 3 partitions"),
        (1, (), r"partition=1/.* is of partition 1, and _archive\.json says that there are 1, from 0 on"),
    ],
)
def test_partitions_that_cant_be(
    tmp_path: Path, partitions: int, reach: tuple[tuple[int, int], ...], told: str
) -> None:
    """What the archive says of them, and what lies there, has to fit."""
    folder = written(begun(tmp_path / "a"), numbered(3), 0, 3)
    begun(folder, reach=reach, partitions=partitions)
    with pytest.raises(ArchiveError, match=told):
        ArchivedHistory(folder)


def test_an_archive_alone_has_what_is_asked_for(tmp_path: Path) -> None:
    """A topic that isn't there is named, unless the archive knows that it was empty; gaps are told to whoever reads."""
    folder = written(begun(tmp_path / "a", Gap(CHANGES, 1, 3, 7)), numbered(3), 0, 3)
    written(folder, numbered(2, first=7), 7, 9)
    lines: list[str] = []

    async def read(*topics: str, optional: tuple[str, ...] = ()) -> None:
        async with opened(
            load_settings().kafka, folder, topics=topics, live=False, optional=optional, say=lines.append
        ) as history:
            assert [each.offset for each in history.read(CHANGES, 1)] == [0, 1, 2, 7, 8]

    asyncio.run(read(CHANGES))
    (line,) = lines
    assert line.startswith("identity.changes partition 1: offsets 3 to 6 aren't in ")
    with pytest.raises(ArchiveError, match=r"a doesn't have scim\.operations, scim\.outcomes\. Archive that too"):
        asyncio.run(read(CHANGES, OPERATIONS, OUTCOMES))
    asyncio.run(read(CHANGES, OPERATIONS, optional=(OPERATIONS,)))
    said = layout.manifest(folder)
    assert said is not None
    layout.keep_manifest(folder, replace(said, reach={OPERATIONS: ((0, 0), (0, 0))}))
    asyncio.run(read(CHANGES, OPERATIONS))
    layout.keep_manifest(folder, replace(said, topics=(CHANGES, OUTCOMES)))
    asyncio.run(read(CHANGES, OUTCOMES))  # made before it was said what is empty
    for path in names(folder):
        path.unlink()
    with pytest.raises(ArchiveError, match=r"doesn't have identity\.changes"):
        asyncio.run(read(CHANGES, OUTCOMES))


def test_an_archive_that_doesnt_say_how_far_it_reaches(tmp_path: Path) -> None:
    """Those of before are read as they were."""
    folder = written(begun(tmp_path / "a"), numbered(3), 0, 3)
    path = folder / layout.MANIFEST
    said = orjson.loads(path.read_bytes())
    del said["reach"]
    path.write_bytes(orjson.dumps(said))
    assert len(list(ArchivedHistory(folder).read(CHANGES, 1))) == 3


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, 10**6), by=st.integers(1, 255))
def test_a_flipped_byte(at: int, by: int) -> None:
    """It is found, wherever it is, and in whichever file."""
    with tempfile.TemporaryDirectory() as name:
        folder = written(begun(Path(name, "a")), numbered(40), 0, 40)
        (path,) = names(folder)
        content = bytearray(path.read_bytes())
        content[at % len(content)] ^= by
        path.write_bytes(content)
        with pytest.raises(ArchiveError, match=f"{path.name} was altered"):
            list(ArchivedHistory(folder).read(CHANGES, 1))


def test_when_a_place_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each file, also where it has no record at that offset; nothing of what isn't there."""
    monkeypatch.setattr(writer, "FILE", 6)
    clock = iter((70, 80))
    writing = ArchiveWriter(begun(tmp_path / "a"), CHANGES, 1, 3, lambda: next(clock))
    for each in (3, 4, 6):
        writing.add((each, NOON, b"E1", b"x", ()))
    writing.close(9)
    history = pickle.loads(pickle.dumps(ArchivedHistory(tmp_path / "a")))
    assert [history.written(CHANGES, 1, offset) for offset in (2, 3, 5, 6, 8, 9)] == [None, 70, 70, 80, 80, None]
    assert history.written(CHANGES, 0, 3) is None


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second is refused; a killed one's lock is gone with it."""
    with locked(tmp_path), pytest.raises(ArchiveError, match="another run is archiving into"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    with (tmp_path / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("given_archive", [True, False])
def test_kafka_is_away(tmp_path: Path, *, given_archive: bool) -> None:
    """Then the archive alone may do, where there is one."""
    folder = written(begun(tmp_path / "a"), numbered(3), 0, 3)
    nowhere = load_settings(kafka="127.0.0.1:1", partitions=2)

    async def read(*, live: bool) -> int:
        async with opened(nowhere.kafka, folder if given_archive else None, topics=[CHANGES], live=live) as history:
            return len(list(history.read(CHANGES, 1)))

    with pytest.raises(KafkaUnavailableError, match=r"no Kafka broker answers at 127\.0\.0\.1:1") as error:
        asyncio.run(read(live=True))
    assert ("--offline reads the archive alone" in str(error.value)) == given_archive
    if given_archive:
        assert asyncio.run(read(live=False)) == 3
    else:
        with pytest.raises(SettingsError, match="--archive DIR"):
            asyncio.run(read(live=False))


def test_topics_are_asked_against_the_stream() -> None:
    """So that whatever a record was made from is there too."""
    order = against(reversed([topic.name for topic in TOPICS]))
    places = [order.index(name) for name in (DELIVERIES, OUTCOMES, OPERATIONS, CHANGES, CONTROLS)]
    assert places == sorted(places)
    assert order.index(REJECTIONS) < order.index(CHANGES) < min(map(order.index, RAW))


def test_raw_topics_are_asked_for_with_a_warning() -> None:
    """What they hold, and that it stays."""
    told = " ".join(CliRunner().invoke(archive, ["--help"]).output.split())
    assert "personal data that no mapping asks for" in told
    assert "until somebody deletes it" in told
