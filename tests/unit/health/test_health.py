"""A service's own view of how it is."""

from prometheus_client import REGISTRY

from streamproc.health import health
from tests.support.health import DOWN, SILENT, Patient
from tests.support.logged import logged


def test_a_service_starts_works_and_ends() -> None:
    """Its state goes from starting over ok, and what is wrong, to stopped with the reason."""
    patient = Patient()
    assert patient.health.state().state == "starting"
    assert patient.health.answer()[0] is False
    patient.health.ready()
    assert patient.health.state().state == "ok"
    patient.wrong = [SILENT]
    patient.now += 5
    ready, state = patient.health.answer()
    assert (ready, state.state) == (True, "blind")
    assert state.conditions[0].since == patient.now
    patient.wrong = [SILENT, DOWN]
    assert patient.health.answer()[0] is False
    assert patient.health.alive()
    patient.health.ended("Kafka is gone")
    state = patient.health.state()
    assert (state.state, [each.reason for each in state.conditions]) == ("stopped", ["Kafka is gone"])
    assert state.started == 1_000_000


def test_an_orderly_end_has_no_reason() -> None:
    """Who was stopped on purpose has nothing wrong with it, whatever there was before."""
    patient = Patient(wrong=[DOWN])
    patient.health.ended(None)
    assert patient.health.state().conditions == []


def test_the_metrics_say_the_same() -> None:
    """One state is 1, the others 0; each condition is there while it lasts, and gone afterwards."""
    patient = Patient(wrong=[SILENT, DOWN])
    patient.health.ready()
    patient.health.state()
    assert _value("streamproc_state", service="sink", state="degraded") == 1
    assert _value("streamproc_state", service="sink", state="ok") == 0
    assert _value("streamproc_blind", code="silent", about="okta") == 1
    assert _value("streamproc_degraded", code="gate_closed", about="target") == 1
    patient.wrong = []
    patient.health.state()
    assert _value("streamproc_state", service="sink", state="ok") == 1
    assert _value("streamproc_blind", code="silent", about="okta") is None
    assert _value("streamproc_degraded", code="gate_closed", about="target") is None


def test_each_condition_is_logged_when_it_begins_and_when_it_ends() -> None:
    """Not at each look: whoever reads the log sees two lines, however often somebody asks."""
    patient = Patient()
    patient.health.ready()
    with logged(health) as lines:
        for wrong in ([], [SILENT], [SILENT], [SILENT], []):
            patient.wrong = wrong
            patient.health.state()
    assert [(line["event"], line["code"], line["about"]) for line in lines] == [
        ("blind", "silent", "okta"),
        ("no longer", "silent", "okta"),
    ]


def test_a_look_that_fails_ends_nothing() -> None:
    """A mistake in how a service looks at itself is told as its state, without the error's words, once it works."""
    patient = Patient(failing=RuntimeError("of E1001"))
    assert patient.health.state().conditions == []
    patient.health.ready()
    (condition,) = patient.health.state().conditions
    assert (condition.code, condition.state) == ("unknown", "degraded")
    assert "E1001" not in condition.reason


def _value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)
