"""What is kept of a SCIM connection: enough to go on from, wherever a worker dies, also in the middle of one record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.parsed_payload import ParsedPayload
from streamproc.core.provider.event import decode
from streamproc.core.provider.fold import Void, fold
from streamproc.core.records.units import Millis
from streamproc.sources.scim.known_record import decode_known, ids_in
from streamproc.sources.scim.read import meant
from streamproc.worker.decide.connection_state import ConnectionState, restored
from tests.unit.core.provider.replica import PARTITION
from tests.unit.sources.scim.heard import NOW, OKTA, Heard, members, replace

PEOPLE = ("kim", "ana", "ben")
Play = Callable[[Heard, dict[str, str]], None]


def _make(name: str) -> Play:
    def play(heard: Heard, there: dict[str, str]) -> None:
        if name not in there:
            there[name] = heard.post(userName=name, number=name.upper(), manager={"value": there.get("kim", "?")})

    return play


def _read(name: str) -> Play:
    def play(heard: Heard, there: dict[str, str]) -> None:
        if name not in there:
            there[name] = heard.seed(f"G-{name}", userName=name, active=True, title="Old")

    return play


def _change(name: str, path: str, value: Any) -> Play:
    def play(heard: Heard, there: dict[str, str]) -> None:
        if name in there:
            heard.patch(there[name], replace(path, value))

    return play


def _delete(name: str) -> Play:
    def play(heard: Heard, there: dict[str, str]) -> None:
        if name in there:
            heard.delete(there.pop(name), "Group" if name == "group" else "User")

    return play


def _group(how: str, who: Sequence[str]) -> Play:
    """`how`: made, read at the target, replaced as a whole, or members added or removed."""

    def play(heard: Heard, there: dict[str, str]) -> None:
        ids = [there.get(each, f"G-{each}") for each in who]
        group = there.get("group")
        if group is None and how == "post":
            there["group"] = heard.post("Group", displayName="Sales", members=ids)
        elif group is None and how == "seed":
            there["group"] = heard.seed("G1", "Group", displayName="Sales", members=ids)
        elif group is not None and how == "put":
            heard.put(group, "Group", displayName="Care", members=ids)
        elif group is not None and how in {"add", "remove"}:
            heard.patch(group, members(how, *ids), kind="Group")

    return play


names = st.sampled_from(PEOPLE)
some = st.lists(names, unique=True)
plays = st.one_of(
    st.builds(_make, names),
    st.builds(_read, names),
    st.builds(_change, names, st.just("title"), st.sampled_from(["Agent", "Boss"])),
    st.builds(_change, names, st.just("active"), st.booleans()),
    st.builds(_delete, st.sampled_from([*PEOPLE, "group"])),
    st.builds(_group, st.sampled_from(["post", "seed", "put", "put", "add", "remove"]), some),
)


made = st.builds(_group, st.sampled_from(["post", "seed"]), some)


def log_of(story: Sequence[Play]) -> list[bytes]:
    """What a gateway appends for it."""
    heard, there = Heard(), dict[str, str]()
    for play in story:
        play(heard, there)
    return heard.replica.log


@dataclass
class Worker:
    """One that folds a connection's log, and dies."""

    table: dict[bytes, bytes] = field(default_factory=dict)
    state: ConnectionState = field(default_factory=lambda: ConnectionState(OKTA.name))

    def fold(self, log: Sequence[bytes], offset: int, kept: int | None = None) -> ParsedPayload | None:
        """What a record says; None: nothing more. `kept`: so many of its records are kept, and then it dies."""
        if offset <= self.state.folded:
            return None
        event = decode(log[offset])
        folded = fold(self.state.resources, event, partition=PARTITION, offset=offset)
        if isinstance(folded, Void):
            return None
        found = meant(self.state.subjects, OKTA, event, folded, offset=offset, appended=Millis(NOW - offset % 2))
        for key, value in self.state.learn(offset, folded, found.learned)[:kept]:
            self.table[key] = value
        return found.said

    def restart(self) -> None:
        """With what was kept."""
        self.state = restored(OKTA.name, [(ids_in(key)[1:], decode_known(value)) for key, value in self.table.items()])

    def all_of_it(self, log: Sequence[bytes]) -> Any:
        """All that can be asked of it."""
        resources, subjects = self.state.resources, self.state.subjects
        ids = sorted({*(each.id for each in resources), *(f"G-{name}" for name in PEOPLE), "G1"})
        there = {each.id: each for each in resources}
        claims = {
            (each.type, *claim): resources.claimant(each.type, *claim)
            for each in resources
            for claim in each.claims.items()
        }
        people = {
            each: (subjects.subject(each), set(subjects.reports(each)), set(subjects.groups_of(each))) for each in ids
        }
        groups = {
            each: (subjects.group_name(each), dict(subjects.members(each)), set(resources.members(each)))
            for each in ids
        }
        return there, claims, people, groups, subjects.moment, len(log)


@settings(max_examples=150)
@given(st.lists(plays, max_size=14), st.data())
def test_a_worker_that_dies_goes_on_as_if_it_hadnt(story: list[Play], data: st.DataObject) -> None:
    """Wherever it dies and whatever of a record was kept, it says the same of the same records, and knows the same."""
    log = log_of([_make("kim"), _read("ana"), data.draw(made), *story])
    steady, dying = Worker(), Worker()
    for offset in range(len(log)):
        said, done = steady.fold(log, offset), False
        if data.draw(st.booleans()):
            assert dying.fold(log, offset, data.draw(st.integers(0, 3))) == said
            dying.restart()
            done = dying.state.folded == offset
            again = data.draw(st.integers(max(0, offset - 2), offset))
            for earlier in range(again, offset):
                assert dying.fold(log, earlier) is None
        assert dying.fold(log, offset) == (None if done else said)
        dying.restart()
        assert dying.all_of_it(log) == steady.all_of_it(log)


@given(st.lists(plays, max_size=10))
def test_what_is_done_comes_to_nothing_again(story: list[Play]) -> None:
    """A worker that knows all, and reads the log from the beginning, says nothing at all."""
    log, worker = log_of(story), Worker()
    for offset in range(len(log)):
        worker.fold(log, offset)
    worker.restart()
    assert [worker.fold(log, offset) for offset in range(len(log)) if offset <= worker.state.folded] == [None] * (
        worker.state.folded + 1
    )
