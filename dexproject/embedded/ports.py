"""Ports on the loopback address."""

import random
import socket
from pathlib import Path

from .errors import LauncherError, Refused

HOST = "127.0.0.1"
_FIRST = 15000
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def require_free(port: int, purpose: str, hint: str) -> None:
    """Raise Refused when something else listens on the port or it may not be used."""
    if not is_free(port):
        raise Refused(f"port {port} for {purpose} is in use or not permitted; {hint}")


def pick() -> int:
    """Return a free port below the range that outgoing connections take theirs from.

    A restarted server must get its port back. From the ephemeral range it might not: a client
    that reconnects meanwhile can be given that very port as its own.
    """
    last = _first_ephemeral() - 1
    for _ in range(200):
        port = random.randint(_FIRST, last)  # noqa: S311
        if is_free(port):
            return port
    raise LauncherError(f"no free port from {_FIRST} to {last} on {HOST}")


def _first_ephemeral() -> int:
    try:
        first = int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32768
    return max(first, _FIRST + 1000)
