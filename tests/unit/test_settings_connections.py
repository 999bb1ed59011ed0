"""SCIM connections in a settings file."""

import os
from pathlib import Path

import pytest

from streamproc.core.errors import SettingsError
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.settings import PREFIX, load_settings
from streamproc.settings.connections import parse_connections

A, B = "a" * 64, "b" * 64
FILE = f"""
[okta]
partition = 0
tokens = ["{A}", {{sha256 = "{B}", until = 2026-12-01T00:00:00Z}}]
delivered = true
repeated_within = 600

[lab]
partition = 1
anchor = "self"
probes = ["*@test.example"]
patch_body = true
"""


def test_a_table_is_a_connection() -> None:
    """Whoever keeps connections under version control writes a table for each, with hashes alone."""
    okta, lab = parse_connections(FILE, "f", 2)
    tokens = (ConnectionToken(A), ConnectionToken(B, okta.tokens[1].until))
    assert okta == ConnectionDefinition("okta", 0, tokens, repeated_within=okta.repeated_within, delivered=True)
    assert (okta.repeated_within, okta.tokens[1].until) == (600_000, 1_796_083_200_000)
    assert lab == ConnectionDefinition("lab", 1, anchor="self", probes=("*@test.example",), patch_body=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[okta", "f isn't valid TOML"),
        ("okta = 1", "f: okta.table"),
        ("[okta]", "f: okta.partition: Field required"),
        ("[okta]\npartition = 0\ndeliverd = true", "f: okta.deliverd: there is no such key; did you mean `delivered`?"),
        ("[okta]\npartition = 2", "f: okta: events.scim has partitions 0 to 1"),
        ('[okta]\npartition = 0\ntokens = ["open-sesame"]', "f: okta: of a token there is its SHA-256"),
        ("[okta]\npartition = 0\nrepeated_within = -1", "f: okta.repeated_within"),
        ('[okta]\npartition = 0\ntokens = [{sha256 = "x", until = 2026-12-01}]', "f: okta.tokens.0"),
        ("[Okta]\npartition = 0", "a connection's name is"),
        (f'[a]\npartition = 0\ntokens = ["{A}"]\n[b]\npartition = 0\ntokens = ["{A}"]', "b has a token of a"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(text: str, told: str) -> None:
    """An administrator finds the line, and nothing that may be a secret is repeated."""
    with pytest.raises(SettingsError) as raised:
        parse_connections(text, "f", 2)
    assert told in str(raised.value)
    assert str(raised.value).startswith("scim_connections: ")
    assert "open-sesame" not in str(raised.value)


def test_the_setting_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are none where there is no file, and one that isn't there is told."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    assert load_settings().connections() == ()
    file = tmp_path / "connections.toml"
    settings = load_settings(scim_connections=str(file))
    with pytest.raises(SettingsError, match=r"scim_connections: .* can't be read"):
        settings.connections()
    file.write_text(FILE)
    assert [each.name for each in settings.connections()] == ["okta", "lab"]
