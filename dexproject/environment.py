"""Read settings from the environment; a bad value stops the start with one clear line."""

import ipaddress
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
#: Ends of names that no public name server knows.
_OWN_NETWORK = (".internal", ".local", ".lan", ".localdomain", ".home.arpa")


def text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that `NAME_FILE` points at."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            with open(path, encoding="utf-8") as secret:  # noqa: PTH123
                return secret.read().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error}") from error
    return os.environ.get(name, default)


def key(name: str) -> str:
    """Return a provider's key, which travels in a header; no message says it."""
    found = text(name).strip()
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise ImproperlyConfigured(f"{name}: holds a character that no key has")
    return found


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes/no variable."""
    word = text(name, "1" if default else "0").lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} was {word!r}; allowed are 1 and 0")


def integer(name: str, default: int, low: int, high: int) -> int:
    """Return a whole number within a range."""
    word = text(name, str(default))
    if not word.lstrip("-").isdecimal() or len(word) > 18 or not low <= int(word) <= high:
        raise ImproperlyConfigured(
            f"{name} was {word!r}; allowed is a whole number {low} to {high}"
        )
    return int(word)


def words(name: str, default: str) -> list[str]:
    """Return a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def folder(name: str) -> Path | None:
    """Return a folder that exists; None when the variable is not set."""
    found = text(name)
    if not found:
        return None
    path = Path(found).resolve()
    if not path.is_dir():
        raise ImproperlyConfigured(f"{name} was {found!r}; allowed is a folder that exists")
    return path


def database(name: str = "DATABASE_URL") -> dict[str, Any]:
    """Return Django's settings for a `postgresql://user:password@host:port/name` URL.

    Without the variable the settings can be imported, but any use of the database fails
    and says so: there is no second-choice database that would hide the mistake.
    """
    url = text(name)
    if not url:
        return {"ENGINE": "django.db.backends.dummy"}
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: the port is not a number from 0 to 65535") from error
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{name}: expected postgresql://user:password@host:port/name, was a"
            f" {parts.scheme or 'missing'} URL"
        )
    timeout_ms = integer("DEX_STATEMENT_TIMEOUT_MS", 4000, 0, 600_000)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(port or ""),
        # Kept across tasks and checked before use: a connection per task costs 2 ms.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # What libpq understands, such as sslmode, may stand behind a question mark.
            **dict(parse_qsl(parts.query)),
            "connect_timeout": 5,
            # The same few statements run in every tick: prepared, they are planned once.
            "server_side_binding": True,
            "prepare_threshold": 3,
            # Shorter than a tick's lease; management commands set it to 0, which means none.
            "options": f"-c statement_timeout={timeout_ms}"
            " -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000",
        },
    }


def redis(name: str = "REDIS_URL") -> str:
    """Return the Redis URL without a database number, or an empty string when unset."""
    url = text(name).rstrip("/")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{name}: expected redis://:password@host:port without a database number"
        )
    return url


def url(
    name: str, default: str = "", *, allow_private: bool = False, allow_query: bool = False
) -> str:
    """Return a base URL without its last slash; an empty string when unset without a default.

    An empty variable counts as unset: a compose file cannot leave one out. A query is allowed
    where nothing is put behind the URL.

    A value may hold a key, in its path or query: no message says it.
    """
    found = (text(name) or default).rstrip("/")
    trouble = _trouble_of_url(found, allow_private=allow_private) if found else ""
    if not trouble and "?" in found and not allow_query:
        trouble = "has a query; expected is only where the paths begin"
    if trouble:
        raise ImproperlyConfigured(f"{name}: {trouble}")
    return found


def _trouble_of_url(value: str, *, allow_private: bool) -> str:
    if not value.isprintable() or " " in value:
        return "holds a blank or a character that cannot be printed"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "the host or the port is malformed"
    if parts.scheme not in {"http", "https"}:
        return f"expected an http or https URL, was a {parts.scheme or 'missing'} one"
    if not host or port == 0:
        return "names no host" if not host else "port 0 is none"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password; a key has a variable of its own"
    if parts.fragment:
        return "has a fragment, which no server ever sees"
    return "" if allow_private else _trouble_of_host(host)


def _trouble_of_host(host: str) -> str:
    advice = "set DEX_ALLOW_PRIVATE_SOURCES=1 if that is meant"
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
        return f"names this machine; {advice}"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Numbers that are no address by the book, and that resolvers still take for one.
        name = host.rstrip(".")
        last = name.rpartition(".")[2]
        if last.isdecimal() or last.startswith("0x"):
            return "the host is a malformed address"
        # A name without a dot is looked up in the own network.
        is_own = "." not in name or name.endswith(_OWN_NETWORK)
        return f"the host is of a private network; {advice}" if is_own else ""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return "" if mapped.is_global else f"the host is a private address; {advice}"
