"""Settings: where they come from, what wins, what is told when one is wrong, and that secrets stay secret."""

import os
import pickle
import ssl
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from streamproc.cli import show
from streamproc.core.errors import SettingsError
from streamproc.settings import FIELDS, PREFIX, environment, load_settings

SECRET = "open-sesame"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file that STREAMPROC_CONFIG names."""
    file = folder / "streamproc.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("STREAMPROC_CONFIG", str(file))
    return file


def test_nothing_needs_to_be_set() -> None:
    """The defaults are those of a broker and a simulator on this machine."""
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.kafka.ssl_context() is None
    assert settings.worker.mapping_text()[1].endswith("streamproc/mapping.toml")


def test_each_setting_is_explained() -> None:
    """Every setting has a description: the README's table is made of them."""
    assert all(field.description for field in FIELDS.values())


def test_the_later_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File over default, environment over file, argument over environment; None is no argument."""
    written(tmp_path, 'kafka = "file:1"\ngroup = "file"\npartitions = 3\n', monkeypatch)
    monkeypatch.setenv("STREAMPROC_KAFKA", "env:2")
    monkeypatch.setenv("STREAMPROC_GROUP", "env")
    settings = load_settings(group="argument", kafka=None)
    kafka = settings.kafka
    assert (kafka.partitions, kafka.bootstrap_servers, kafka.group) == (3, "env:2", "argument")
    assert settings.target.connections == FIELDS["connections"].default


def test_settings_cannot_be_changed() -> None:
    """What was read stays as it was read."""
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().kafka.bootstrap_servers = "other:1"  # type: ignore[misc]


def test_secrets_dont_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr, str, dump, JSON nor the settings report show a secret; only asking for it does."""
    monkeypatch.setenv("STREAMPROC_CLIENT_SECRET", SECRET)
    settings = load_settings(kafka_password=SECRET)
    shown = [
        repr(settings),
        str(settings),
        repr(settings.model_dump()),
        settings.model_dump_json(),
        repr(show.settings(settings)),
        f"{settings.target.client_secret} {settings.kafka.password!r}",
    ]
    assert not any(SECRET in each for each in shown)
    assert settings.target.client_secret.get_secret_value() == SECRET
    assert SECRET not in repr(pickle.loads(pickle.dumps(settings)))


def test_a_setting_that_doesnt_exist_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable, file key or argument is told by name, not passed over."""
    with monkeypatch.context() as patched:
        patched.setenv("STREAMPROC_KAFKAA", "x:1")
        with pytest.raises(SettingsError, match="STREAMPROC_KAFKAA: there is no such setting"):
            load_settings()
    written(tmp_path, 'kafkaa = "x:1"\n', monkeypatch)
    with pytest.raises(SettingsError, match="kafkaa: Extra inputs are not permitted"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", "0"),
        ("partitions", "many"),
        ("partitions", "513"),
        ("replication", "0"),
        ("session_timeout", "0.5"),
        ("session_timeout", "nan"),
        ("kafka_security", "TLS"),
        ("kafka_sasl_mechanism", "GSSAPI"),
        ("dialect", "okta"),
        ("connections", "0"),
        ("request_timeout", "0"),
        ("revoke_wait", "-1"),
        ("log_level", "trace"),
        ("log_json", "perhaps"),
    ],
)
def test_a_value_that_wont_do_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An impossible value names its setting and where settings are explained."""
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(SettingsError, match=f"^{name}: .*`streamproc settings` explains it"):
        load_settings()


def test_a_wrong_secret_isnt_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a secret in the file has the wrong type, the message says so without it."""
    written(tmp_path, f'[client_secret]\nvalue = "{SECRET}"\n', monkeypatch)
    with pytest.raises(SettingsError, match="client_secret: Input should be a valid string") as error:
        load_settings()
    assert SECRET not in str(error.value)


def test_a_wrong_secret_isnt_in_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a secret in the file has the wrong type, the traceback doesn't show it either."""
    written(tmp_path, f'[client_secret]\nvalue = "{SECRET}"\n', monkeypatch)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(error.value))


def test_a_file_that_isnt_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STREAMPROC_CONFIG must name a file."""
    for path in (tmp_path / "nowhere.toml", tmp_path):
        monkeypatch.setenv("STREAMPROC_CONFIG", str(path))
        with pytest.raises(SettingsError, match="STREAMPROC_CONFIG: there is no file"):
            load_settings()


@pytest.mark.parametrize("content", [b"kafka = \n", b'kafka = "\xff"\n'])
def test_a_file_that_isnt_toml_is_an_error(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settings file that can't be read as TOML is named."""
    written(tmp_path, "", monkeypatch).write_bytes(content)
    with pytest.raises(SettingsError, match="STREAMPROC_CONFIG"):
        load_settings()


def test_a_mapping_that_isnt_there_is_an_error(tmp_path: Path) -> None:
    """The mapping's file is named when it can't be read."""
    with pytest.raises(SettingsError, match=r"mapping: .*nowhere.toml can't be read: No such file"):
        load_settings(mapping=tmp_path / "nowhere.toml").worker.mapping_text()
    (tmp_path / "my.toml").write_text("[always]\n", encoding="utf-8")
    worker = load_settings(mapping=tmp_path / "my.toml").worker
    assert worker.mapping_text() == ("[always]\n", str(tmp_path / "my.toml"))


@pytest.mark.parametrize("security", ["SSL", "SASL_SSL"])
def test_tls_verifies_the_brokers(security: str) -> None:
    """Both TLS protocols check the brokers' certificate and host name."""
    context = load_settings(kafka_security=security, kafka_username="u", kafka_password="p").kafka.ssl_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_certificates_that_cant_be_used_are_named(tmp_path: Path) -> None:
    """A CA or client certificate that isn't there, or isn't one, names the three settings."""
    (tmp_path / "ca.pem").write_text("rubbish", encoding="utf-8")
    for given in ({"kafka_ca": tmp_path / "ca.pem"}, {"kafka_certificate": tmp_path / "nowhere.pem"}):
        with pytest.raises(SettingsError, match="kafka_ca, kafka_certificate or kafka_key can't be used"):
            load_settings(kafka_security="SSL", **given).kafka.ssl_context()


def test_a_child_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment made for a child reads back as the same settings, whatever the parent's environment says."""
    settings = load_settings(
        kafka="x:1", partitions=3, client_secret=SECRET, log_json=True, data=Path("/d"), session_timeout=7.5
    )
    monkeypatch.setenv("STREAMPROC_GROUP", "the parent's own")
    child = environment(settings)
    assert child["PATH"] == os.environ["PATH"]
    assert "STREAMPROC_GROUP" not in child
    for name, value in child.items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("STREAMPROC_GROUP")
    assert load_settings() == settings
    assert load_settings().target.client_secret.get_secret_value() == SECRET


def test_sasl_needs_a_name_and_a_password() -> None:
    """A SASL protocol without credentials is found before anything connects."""
    with pytest.raises(SettingsError, match="kafka_username and kafka_password"):
        load_settings(kafka_security="SASL_SSL", kafka_username="u")


@pytest.mark.parametrize("vendor", ["bamboohr", "hibob", "gusto", "personio", "finch", "merge", "kombo"])
def test_an_hr_vendor_needs_what_it_is_asked_with(vendor: str) -> None:
    """What is missing is named; and without a vendor its secret is nobody's."""
    with pytest.raises(SettingsError, match=rf"hris_\w+ is needed with hris_vendor {vendor}"):
        load_settings(hris_vendor=vendor)
    with pytest.raises(SettingsError, match="hris_vendor is needed"):
        load_settings(hris_secret=SECRET)
    with pytest.raises(SettingsError, match="https"):
        load_settings(hris_vendor="bamboohr", hris_secret=SECRET, hris_url="http://acme.bamboohr.com")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("gateway_scim_keys", "k" * 31, "shorter than 32"),
        ("gateway_scim_keys", " ".join(["k" * 32] * 3), "one key, or two"),
        ("gateway_scim_keys", "", "one key, or two"),
        ("gateway_url", "gateway.example.com", "https://"),
        ("gateway_url", "https://gateway.example.com/scim/v2", "nothing behind"),
        ("gateway_url", "https://kim@gateway.example.com", "nothing behind"),
    ],
)
def test_what_scim_clients_depend_on_is_checked_at_the_start(name: str, value: str, told: str) -> None:
    """A key that could be guessed, or a URL that no client could follow, is told before anybody is served."""
    with pytest.raises(SettingsError, match=told):
        load_settings(**{name: value})
    two = load_settings(gateway_scim_keys="k" * 32 + " " + "l" * 32, gateway_url="https://[::1]:8443")
    assert two.gateway.url == "https://[::1]:8443"
