"""Secrets as people and their tools leave them, and by which way others are reached."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.errors import SettingsError
from streamproc.settings import PREFIX, NetworkSettings, environment, load_settings
from streamproc.settings.texts import trimmed

SECRET = "open-sesame-open"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of their own."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


ENDS = ["", "\n", "\r\n", " ", "\t", "\ufeff", "\u00a0", "\u200b", "\0", " \n\n"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["client_secret", "token", "kafka_password", "okta_hook_secret", "client_id"])
def test_what_sticks_to_a_value_isnt_part_of_it(
    name: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line ends, blanks and marks that files and copying leave, from a variable or the settings file."""

    def read() -> str:
        value = load_settings().by_name()[name]
        return value if isinstance(value, str) else str(value.get_secret_value())

    escaped = (end + SECRET + end).encode("unicode_escape").decode().replace("\\x", "\\u00")
    (tmp_path / "s.toml").write_text(f'{name} = "{escaped}"\n', encoding="utf-8")
    monkeypatch.setenv("STREAMPROC_CONFIG", str(tmp_path / "s.toml"))
    assert read() == SECRET
    monkeypatch.setenv(PREFIX + name.upper(), f"{end}{SECRET}!{end}".replace("\0", ""))  # no variable can have that
    assert read() == SECRET + "!"


@given(st.text(), st.sampled_from(ENDS))
def test_trimming_is_done_once(text: str, end: str) -> None:
    """Whatever is in the middle stays, and trimming again changes nothing."""
    assert trimmed(trimmed(text)) == trimmed(text) == trimmed(text + end)
    assert trimmed(text) in text


@pytest.mark.parametrize(
    "content",
    [*((SECRET + end).encode() for end in ENDS), b"\xef\xbb\xbf" + SECRET.encode(), f"{SECRET}\r\n".encode("utf-16")],
)
def test_a_secret_may_be_in_a_file(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each secret's name with _FILE behind it, as a variable, in the settings file, or as an argument."""
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("STREAMPROC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    assert load_settings().target.client_secret.get_secret_value() == SECRET
    monkeypatch.delenv("STREAMPROC_CLIENT_SECRET_FILE")
    (tmp_path / "s.toml").write_text(f"client_secret_file = '{tmp_path / 'secret'}'\n", encoding="utf-8-sig")
    monkeypatch.setenv("STREAMPROC_CONFIG", str(tmp_path / "s.toml"))
    assert load_settings().target.client_secret.get_secret_value() == SECRET
    monkeypatch.setenv("STREAMPROC_CLIENT_SECRET", "another one")
    assert load_settings().target.client_secret.get_secret_value() == "another one", "a variable wins over the file"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe\xfd", "isn't text"),
        (b"open\x80sesame", "isn't text"),
        (b"x" * 100_000, "too long"),
    ],
)
def test_a_secrets_file_that_wont_do_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    """By the setting and its path, with nothing of its content."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"client_secret_file: .*secret.*{words}") as error:
        load_settings(client_secret_file=tmp_path / "secret")
    assert "sesame" not in str(error.value)


def test_a_secret_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that contradict each other neither is guessed. What is no secret has no file."""
    monkeypatch.setenv("STREAMPROC_TOKEN", SECRET)
    monkeypatch.setenv("STREAMPROC_TOKEN_FILE", "/run/secrets/token")
    with pytest.raises(SettingsError, match="token and token_file are set"):
        load_settings()
    monkeypatch.setenv("STREAMPROC_GROUP_FILE", "/run/group")
    with pytest.raises(SettingsError, match="STREAMPROC_GROUP_FILE: there is no such setting"):
        load_settings()


@pytest.mark.parametrize("token", ["two words", "two\nlines", "umläut", ""])
@pytest.mark.parametrize("name", ["token", "okta_token"])
def test_a_token_that_no_header_can_have_is_refused(name: str, token: str) -> None:
    """At the start, with its name and without its value."""
    with pytest.raises(SettingsError, match=f"{name} has to be visible ASCII") as error:
        load_settings(
            **{name: token}, okta_url="https://x.okta.com", **({} if name == "okta_token" else {"okta_token": "t"})
        )
    assert not token or token not in str(error.value)


def test_the_standard_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY and NO_PROXY, in either case, and ours over them; ours may be empty."""
    monkeypatch.setenv("HTTPS_PROXY", "http://upper:1")
    assert load_settings().network.proxy("https", "scim.example", 443) == "http://upper:1"
    assert load_settings().network.proxy("http", "scim.example", 80) is None
    monkeypatch.setenv("https_proxy", "lower:2")
    monkeypatch.setenv("no_proxy", "corp.example")
    assert load_settings().network.proxy("https", "scim.example", 443) == "http://lower:2"
    assert load_settings().network.proxy("https", "a.corp.example", 443) is None
    monkeypatch.setenv("STREAMPROC_HTTPS_PROXY", "http://ours:3")
    monkeypatch.setenv("STREAMPROC_NO_PROXY", "")
    assert load_settings().network.proxy("https", "a.corp.example", 443) == "http://ours:3"
    monkeypatch.setenv("STREAMPROC_HTTPS_PROXY", "")
    settings = load_settings()
    assert not settings.network.proxied
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("localhost.example", False),
        ("corp.example", True),
        ("A.Corp.Example", True),
        ("notcorp.example", False),
        ("x.wild.example", True),
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("2001:db8::7", True),
        ("port.example", False),
        ("scim.example", False),
    ],
)
def test_hosts_without_a_proxy(host: str, direct: bool) -> None:
    """Names with what lies below them, addresses, networks; this machine is never asked through a proxy."""
    without = ".corp.example, *.wild.example,10.0.0.0/8 [2001:db8::]/32,port.example:8443"
    network = NetworkSettings.model_validate({"https_proxy": "http://p:1", "no_proxy": without})
    assert (network.proxy("https", host, 443) is None) == direct
    assert network.proxy("https", "port.example", 8443) is None
    everything = NetworkSettings.model_validate({"https_proxy": "http://p:1", "no_proxy": "*"})
    assert everything.proxy("https", host, 443) is None


@pytest.mark.parametrize(
    "proxy", ["socks5://anna:sesame@p:1", "http://anna:sesame@p:99999", "http://a:sesame@p/path", "ftp://sesame"]
)
def test_a_proxy_that_cant_be_used_is_named(proxy: str) -> None:
    """By its setting alone: there may be a password in it."""
    with pytest.raises(SettingsError, match=r"https_proxy is http://\[NAME:PASSWORD@\]HOST:PORT") as error:
        load_settings(https_proxy=proxy)
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize(
    "proxy", ["p:3128", "http://p", "https://anna:pass%40word@p.example:8080/", "http://[::1]:3128", "10.0.0.1:1"]
)
def test_proxies_as_people_write_them(proxy: str) -> None:
    """With or without scheme, port, name and password."""
    assert load_settings(https_proxy=proxy).network.proxied


def test_authorities_that_cant_be_used_are_named(tmp_path: Path) -> None:
    """A file that isn't there, or has no certificate."""
    (tmp_path / "ca.pem").write_text("rubbish", encoding="utf-8")
    for path in (tmp_path / "ca.pem", tmp_path / "nowhere.pem"):
        with pytest.raises(SettingsError, match=r"https_ca: .* can't be used"):
            load_settings(https_ca=path).network.ssl_context()
