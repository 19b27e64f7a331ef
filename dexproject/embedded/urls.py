"""Servers that the user names by DATABASE_URL and REDIS_URL: checked before they are used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
import redis

from .errors import Refused

_CONNECT_SECONDS = 3


@dataclass(frozen=True, slots=True)
class GivenUrls:
    """URLs from the environment; an empty one means: start a server of our own."""

    database: str = ""
    redis: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "GivenUrls":
        """Read and check both variables; raises Refused for a malformed one."""
        return cls(
            database=_database_url(environment.get("DATABASE_URL", "")),
            redis=_redis_url(environment.get("REDIS_URL", "")),
        )

    def require_reachable(self) -> None:
        """Connect to each given server once; raises Refused naming the URL and the reason."""
        if self.database:
            try:
                psycopg.connect(self.database, connect_timeout=_CONNECT_SECONDS).close()
            except psycopg.Error as error:
                raise _unreachable("DATABASE_URL", self.database, error) from None
        if self.redis:
            timeouts = {"socket_timeout": _CONNECT_SECONDS}
            try:
                with redis.Redis.from_url(
                    self.redis, socket_connect_timeout=_CONNECT_SECONDS, **timeouts
                ) as client:
                    client.ping()
            except redis.RedisError as error:
                raise _unreachable("REDIS_URL", self.redis, error) from None


def mask(url: str) -> str:
    """Return the URL with its password replaced, fit for a message."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not at:
        return url
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}@{place}"


def _database_url(url: str) -> str:
    if not url:
        return ""
    shape = "postgresql://user:password@host:port/name"
    parts = _split("DATABASE_URL", url, shape)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise _malformed("DATABASE_URL", url, shape)
    return url


def _redis_url(url: str) -> str:
    if not url:
        return ""
    shape = "redis://:password@host:port without a database number"
    parts = _split("REDIS_URL", url, shape)
    if parts.scheme not in ("redis", "rediss") or parts.path.strip("/") or parts.query:
        raise _malformed("REDIS_URL", url, shape)
    return url.rstrip("/")


def _split(name: str, url: str, shape: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _malformed(name, url, shape) from None
    if not parts.hostname or port == 0 or any(sign.isspace() for sign in url):
        raise _malformed(name, url, shape)
    return parts


def _malformed(name: str, url: str, shape: str) -> Refused:
    return Refused(f"{name} {mask(url)!r} is malformed; expected is {shape}")


def _secrets(url: str) -> set[str]:
    """Return what a message must not show: drivers split a password with an @ each their way.

    A piece of under three letters gives nothing away, and replacing it would garble the rest.
    """
    credentials = url.partition("://")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    pieces = {password, unquote(password), *password.split("@"), *unquote(password).split("@")}
    return {piece for piece in pieces if len(piece) > 2}


def _unreachable(name: str, url: str, error: Exception) -> Refused:
    reason = " ".join(str(error).split()) or type(error).__name__
    for secret in _secrets(url):
        reason = reason.replace(secret, "***")
    return Refused(f"{name} {mask(url)} cannot be used: {reason[:300]}")
