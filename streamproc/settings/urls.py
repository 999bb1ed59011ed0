"""Where requests may go: by https, or to this machine itself. One check, on the URL as the clients read it."""

import ipaddress
import re
from typing import Final

from yarl import URL

_ASCII: Final = re.compile(r"[!-\[\]-~]+")
"""No blank, no control, nothing that looks like something else; no backslash, which some read as a slash."""


def this_machine(host: str) -> bool:
    """Whether a host is surely this machine: an address of loopback, or `localhost` (RFC 6761 §6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback and "%" not in host  # a zone would be another interface
    except ValueError:
        return host.casefold() == "localhost"


def overheard(url: URL) -> bool:
    """Whether others could read, or alter, what is asked there and answered."""
    return url.scheme != "https" and not (url.scheme == "http" and this_machine(url.host or ""))


def check_url(name: str, text: str, *, whole: bool = False) -> None:
    """A URL that paths are put behind, unless it is `whole` as it is.

    Raises ValueError, without the URL: it may hold a password.
    """
    try:
        url = URL(text)
        plain = _ASCII.fullmatch(text) is not None and url.absolute and url.port is not None
    except ValueError:
        plain = False
    if not plain:
        raise ValueError(f"{name} isn't a URL: https://HOST[:PORT][/PATH], in ASCII")
    if overheard(url):
        raise ValueError(
            f"{name} begins with https://: credentials, and what people may do, go there; "
            "http:// goes to this machine itself alone, 127.0.0.1, [::1] or localhost"
        )
    if url.user is not None or url.password is not None:
        raise ValueError(f"{name} has a name or password before its host: there are settings for them")
    if "#" in text or ("?" in text and not whole):
        raise ValueError(f"{name} has a query or fragment: paths are put behind it")
