"""How fast one connection may go on."""

from streamproc.gateway.scim.pace import Pace


def test_a_second_holds_so_many() -> None:
    """A burst is taken up to a second's worth, and then as many as time allows; a clock that stands gives none."""
    pace = Pace(4)
    assert [pace.take(100.0) for _ in range(5)] == [True] * 4 + [False]
    assert [pace.take(100.5) for _ in range(3)] == [True, True, False]
    assert [pace.take(900.0) for _ in range(5)] == [True] * 4 + [False]


def test_what_takes_long_costs_as_much() -> None:
    """Whoever keeps a gateway busy for two seconds is served again after two."""
    pace = Pace(4)
    assert pace.take(100.0)
    pace.spend(2.0)
    assert not pace.take(101.0)
    assert pace.take(101.5)
    assert not pace.take(101.5)
    assert pace.take(101.5, must=True)


def test_what_must_go_on_takes_nobodys_place() -> None:
    """A deactivation goes on however many came before, and costs the others nothing."""
    pace = Pace(1)
    assert pace.take(0.0)
    assert all(pace.take(0.0, must=True) for _ in range(9))
    assert not pace.take(0.0)
    assert pace.take(1.0)
