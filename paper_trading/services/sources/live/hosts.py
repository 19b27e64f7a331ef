"""Which hosts may be asked: public ones, unless the settings allow others.

A base URL comes from a setting, so a slip there must not let the bot talk to a router, a cloud's
metadata service or a database on this machine.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: The addresses of a host, as text.
Resolve = Callable[[str], Iterable[str]]

_LOCAL_NAMES = ("localhost", "local", "lan", "internal", "localdomain", "home.arpa")
#: IPv4 behind NAT64 (RFC 6052): the address is in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


def is_private_host(host: str) -> bool:
    """Say whether a host, as written, is on this machine or its network. Asks no name server."""
    name = host.lower().rstrip(".")
    if any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
        return True
    address = _literal(name)
    if address is not None:
        return is_private(address)
    # A name without a dot is looked up in the own network.
    return "." not in name


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
