"""Which hosts may be asked: public ones, unless the settings allow others.

A base URL comes from a setting, so a slip there must not let the bot talk to a router, a cloud's
metadata service or a database on this machine.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: The addresses of a host, as text.
Resolve = Callable[[str], Iterable[str]]

_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
#: IPv4 behind NAT64 (RFC 6052): the address is in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


def check_base_url(setting: str, url: str, *, allow_private: bool) -> str:
    """Return a base URL without a slash at its end.

    :raises ImproperlyConfigured: names the setting when the URL is not http(s), has no host, or
        one that is not public and not allowed, or carries credentials, a query or a fragment.
        The message does not repeat the URL: its path may hold a key.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{setting}: is not a URL: {error}") from error
    wrong = _wrong(url, parts, port)
    if not wrong and not allow_private and is_private_host(parts.hostname or ""):
        wrong = (
            f"{parts.hostname} is not a public host; DEX_ALLOW_PRIVATE_SOURCES=1 allows"
            " hosts of your own network"
        )
    if wrong:
        raise ImproperlyConfigured(f"{setting}: {wrong}")
    return url.rstrip("/")


def is_private_host(host: str) -> bool:
    """Say whether a host, as written, is on this machine or its network. Asks no name server."""
    name = host.lower().rstrip(".")
    if any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
        return True
    address = _literal(name)
    return address is not None and is_private(address)


def is_private(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is not a public one, also when it is wrapped in another."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(inner)
    return not address.is_global or address.is_multicast


def private_address(host: str, resolve: Resolve) -> str:
    """Return an address of a host that is not public, or an empty string.

    :raises OSError: when the host has no address.
    """
    for found in resolve(host):
        if is_private(ip_address(found.partition("%")[0])):
            return found
    return ""


def addresses(host: str) -> list[str]:
    """Return the addresses of a host, as the system finds them; OSError when there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _wrong(url: str, parts: SplitResult, port: int | None) -> str:
    """Say what is wrong with the form of a URL, or nothing."""
    if any(char.isspace() or not char.isprintable() for char in url):
        return "holds a blank or a character that cannot be printed"
    if parts.scheme not in ("http", "https"):
        return f"starts with {parts.scheme or 'nothing'}; allowed are http:// and https://"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password; a key has a setting of its own"
    if not parts.hostname or port == 0:
        return "names no host" if not parts.hostname else "port 0 is none"
    if parts.query or parts.fragment:
        return "has a query or a fragment; expected is only where the paths begin"
    return ""


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return a host that is an address, in any of the forms that the system's resolver takes."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # "127.1", "0x7f000001" and "2130706433" are loopback too.
        return IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except (OSError, UnicodeError):
        return None
