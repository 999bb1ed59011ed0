"""What the doctor says of SCIM connections."""

import pytest
from msgspec.structs import replace

from streamproc.core.provider.connections import Connections
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import Control
from streamproc.core.records.units import Millis
from streamproc.doctor.connections import SOON, judged
from streamproc.doctor.line import Line

NOW = Millis(1_790_000_000_000)
FACTS = ("employeeNumber", "externalId")
OKTA = ConnectionDefinition("okta", 0, (ConnectionToken("a" * 64),))


def said(*definitions: ConnectionDefinition) -> list[Line]:
    """Of these connections of a file."""
    return list(judged(Connections.with_fixed(2, definitions), FACTS, NOW))


def test_connections_that_work_are_one_line() -> None:
    """An anchor that is given and a token that doesn't end soon are all that is needed."""
    lab = replace(OKTA, name="lab", anchor="self")
    late = replace(OKTA, name="late", tokens=(ConnectionToken("b" * 64, Millis(NOW + SOON)),))
    (line,) = said(OKTA, lab, late)
    assert (line.severity, line.text) == ("ok", "3: lab, late, okta")


@pytest.mark.parametrize(
    ("definition", "severity", "text", "do"),
    [
        (replace(OKTA, tokens=()), "error", "no token of it is valid", "rotate okta"),
        (replace(OKTA, tokens=(ConnectionToken("a" * 64, NOW),)), "error", "no token of it", "rotate okta"),
        (
            replace(OKTA, tokens=(ConnectionToken("a" * 64, Millis(NOW + SOON - 1)),)),
            "warning",
            "its last token ends at 2026-10-0",
            "rotate okta",
        ),
        (replace(OKTA, anchor="employeenumber"), "error", "did you mean `employeeNumber`?", "[scim.attributes]"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    definition: ConnectionDefinition, severity: str, text: str, do: str
) -> None:
    """An app that is refused, or will be, and one that links nobody, are found before leavers are missed."""
    (line,) = said(definition)
    assert (line.severity, line.about) == (severity, "connection okta")
    assert text in line.text
    assert do in line.do


def test_none_and_one_that_is_there_twice_are_told() -> None:
    """A gateway that serves SCIM to nobody is probably not what was meant."""
    (line,) = said()
    assert (line.severity, "connections add" in line.do) == ("warning", True)
    both = Connections.with_fixed(2, [OKTA])
    both.take(Control("c", "connection", None, None, "Kim", "x", NOW, connection=OKTA), 3)
    (line,) = judged(both, FACTS, NOW)
    assert (line.severity, line.about) == ("error", "connection okta")
