"""Section of the network: by which way the target, directories and their token endpoints are reached."""

import ipaddress
import re
import ssl
from pathlib import Path

from pydantic import Field, SecretStr

from streamproc.core.errors import SettingsError
from streamproc.settings.sections import Section
from streamproc.settings.urls import this_machine

_PROXY = re.compile(r"(?i)(https?://)?([^/\s]*@)?(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+)(:(?P<port>\d{1,5}))?/?")


class NetworkSettings(Section):
    """Proxies and certificate authorities of everything that is asked by HTTP. Kafka is reached without a proxy."""

    https_proxy: SecretStr | None = Field(
        None,
        description="Proxy, http://[NAME:PASSWORD@]HOST:PORT; left out: HTTPS_PROXY; empty: none.",
    )
    no_proxy: str = Field(
        "", description="Hosts without a proxy, by commas: names, .DOMAIN, addresses, networks, *; left out: NO_PROXY."
    )
    https_ca: Path | None = Field(
        None, description="CA certificates (PEM) that are trusted beside the system's, for all that is asked by https."
    )

    @property
    def proxied(self) -> bool:
        """Whether anything goes through a proxy."""
        return bool(_text(self.https_proxy))

    def proxy(self, scheme: str, host: str, port: int | None) -> str | None:
        """The URL of the proxy by which a host is reached; None: directly, as all that isn't https."""
        proxy = _text(self.https_proxy) if scheme == "https" else ""
        if not proxy or this_machine(host) or host.casefold().endswith(".localhost") or self._without_proxy(host, port):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _without_proxy(self, host: str, port: int | None) -> bool:
        """As curl and Python's urllib read it, and networks besides."""
        entries = [entry.casefold() for entry in re.split(r"[,\s]+", self.no_proxy) if entry]
        name = host.casefold()
        ends = (name, f"{name}:{port}")
        if any(entry == "*" or any(f".{end}".endswith(f".{entry.lstrip('*.')}") for end in ends) for entry in entries):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in map(_network, entries) if network is not None)

    def ssl_context(self) -> ssl.SSLContext | None:
        """For https, with further authorities; None: the system's are enough. Raises SettingsError."""
        if self.https_ca is None:
            return None
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cafile=str(self.https_ca))
        except OSError as error:
            raise SettingsError(f"https_ca: {self.https_ca} can't be used: {error.strerror or error}") from error
        return context


def check_proxy(name: str, proxy: SecretStr | None) -> None:
    """A proxy may be asked by http: all that goes through it is https.

    Raises ValueError, without the value: it may hold a password.
    """
    text = _text(proxy)
    found = _PROXY.fullmatch(text)
    if text and (found is None or int(found["port"] or 0) > 65535):
        raise ValueError(f"{name} is http://[NAME:PASSWORD@]HOST:PORT; socks proxies can't be used")


def _text(proxy: SecretStr | None) -> str:
    return "" if proxy is None else proxy.get_secret_value()


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(re.sub(r"[\[\]]", "", entry), strict=False)
    except ValueError:
        return None
