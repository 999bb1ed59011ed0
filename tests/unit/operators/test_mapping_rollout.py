"""Orders of a mapping, without a broker: when one is obeyed, what can't be heard, what is refused at once."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.cli.main import main
from streamproc.cli.mapping import mapping
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.mapping_switch import unheard_partitions
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import LONGEST
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.topic_names import CHANGES, CONTROLS
from streamproc.core.records.units import Millis
from streamproc.operators.mapping_rollout import _counts, objection

BARE = '[attributes]\ntitle = "job"\n'
MORE = BARE + 'phone = "mobile"\n'


def rules(text: str, order: int | None) -> MappingInForce:
    """In force by the order at an offset; None: the partition's first."""
    origin = Origin(CHANGES, 0, 0, Millis(0)) if order is None else Origin(CONTROLS, 3, order, Millis(0))
    return MappingInForce(9, parse_mapping(text).digest, text, "Kim", "why", origin, Millis(0))


@pytest.mark.parametrize(
    ("known", "other", "counts"),
    [
        (rules(BARE, None), -1, True),  # in force already: the order changes nothing
        (rules(BARE, 4), -1, True),
        (rules(BARE, 4), 5, False),  # another one is still to come before it
        (rules(BARE, None), 5, False),
        (rules(MORE, None), -1, False),
        (rules(MORE, 5), 5, False),
        (rules(BARE, 6), 5, True),
        (rules(BARE, 8), 5, True),  # this is it
        (rules(MORE, 9), 5, True),  # it was, and one after it, too
    ],
)
def test_when_an_order_is_obeyed(known: MappingInForce, other: int, counts: bool) -> None:
    """The order at offset 8 is of BARE; `other`: the last before it of another mapping."""
    assert _counts(known, Origin(CONTROLS, 3, 8, Millis(0)), parse_mapping(BARE).digest, other) is counts


def test_what_cant_be_heard_any_more() -> None:
    """Other facts need the log from its first record on, in each partition; the same facts need nothing."""
    known = {0: rules(BARE, 4), 1: rules(BARE, 4)}
    assert unheard_partitions(parse_mapping(MORE), known, {0: 0, 1: 1, 2: 0}) == [1]
    assert unheard_partitions(parse_mapping(BARE + "[always]\nroles = ['x']\n"), known, {0: 7, 1: 7}) == []
    assert unheard_partitions(parse_mapping(BARE), {}, {0: 7}) == [0], "nobody knows what was in force there"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\nwhen = 3\n", "rule 1: when"),
        (f'{BARE}[authority]\njob = ["nobody"]\n', "authority.job: there is no source nobody"),
        (BARE + "#" * LONGEST, "more than 256 KiB"),
        ("\udcff", "it isn't UTF-8"),
    ],
)
def test_a_file_that_cant_be_used_is_refused_before_anything_else(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2 and the place in the file; no broker is asked."""
    file = tmp_path / "new.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    arguments = ["mapping", "apply", str(file), "--by", "Kim", "--reason", "why", "--kafka", "127.0.0.1:1"]
    monkeypatch.setattr("sys.argv", ["streamproc", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


def test_who_and_why_are_needed(tmp_path: Path) -> None:
    """An order without them isn't taken."""
    (tmp_path / "new.toml").write_text(BARE)
    assert CliRunner().invoke(mapping, ["apply", str(tmp_path / "new.toml"), "--by", "Kim"]).exit_code == 2


@pytest.mark.parametrize(
    ("counts", "named", "said"),
    [
        ({"enter": 20, "leave": 20, "suspend": 20}, {}, None),
        ({"enter": 21, "leave": 0, "suspend": 0}, {}, "--enters 21"),
        ({"enter": 0, "leave": 300, "suspend": 0}, {}, "--leaves 300"),
        ({"enter": 0, "leave": 0, "suspend": 21}, {}, "--suspends 21"),
        ({"enter": 50, "leave": 300, "suspend": 0}, {"leave": 300}, "--enters 50 --leaves 300"),
        ({"enter": 50, "leave": 300, "suspend": 0}, {"enter": 50, "leave": 300}, None),
        ({"enter": 0, "leave": 301, "suspend": 0}, {"leave": 300}, "--leaves 301"),
        ({"enter": 0, "leave": 3, "suspend": 0}, {"leave": 300}, "--leaves 3"),
    ],
)
def test_many_who_come_and_go_have_to_be_named(counts: dict[str, int], named: dict[str, int], said: str | None) -> None:
    """Up to 20 go without a word; whatever is said has to be exactly so, so that nobody waves thousands through."""
    said_of_each: dict[str, int | None] = {"enter": None, "leave": None, "suspend": None, **named}
    why = objection(counts, said_of_each)
    assert why is None if said is None else why is not None and why.endswith(f"say so: {said}")
