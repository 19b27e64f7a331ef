"""Servers named by the environment: malformed and unreachable ones are told in one line."""

import pytest

from dexproject.embedded.errors import Refused
from dexproject.embedded.ports import HOST, pick
from dexproject.embedded.urls import GivenUrls, mask

DATABASE = "expected is postgresql://user:password@host:port/name"
REDIS = "expected is redis://:password@host:port without a database number"


@pytest.mark.parametrize(
    ("variable", "url", "line"),
    [
        ("DATABASE_URL", "mysql://u:p@h/d", f"'mysql://u:***@h/d' is malformed; {DATABASE}"),
        ("DATABASE_URL", "postgresql://u@h", f"'postgresql://u@h' is malformed; {DATABASE}"),
        ("DATABASE_URL", "postgresql:///d", f"'postgresql:///d' is malformed; {DATABASE}"),
        ("DATABASE_URL", "dex", f"'dex' is malformed; {DATABASE}"),
        (
            "DATABASE_URL",
            "postgresql://u:se@cret@h:99999/d",
            f"'postgresql://u:***@h:99999/d' is malformed; {DATABASE}",
        ),
        ("DATABASE_URL", "postgresql://[h/d", f"'postgresql://[h/d' is malformed; {DATABASE}"),
        ("REDIS_URL", "redis://:p@h:1/3", f"'redis://:***@h:1/3' is malformed; {REDIS}"),
        ("REDIS_URL", "valkey://h", f"'valkey://h' is malformed; {REDIS}"),
        ("REDIS_URL", "redis://h:port", f"'redis://h:port' is malformed; {REDIS}"),
        ("REDIS_URL", "redis://h h", f"'redis://h h' is malformed; {REDIS}"),
    ],
)
def test_a_malformed_url_is_refused(variable: str, url: str, line: str) -> None:
    with pytest.raises(Refused) as refusal:
        GivenUrls.of({variable: url})
    assert str(refusal.value) == f"{variable} {line}"


def test_good_urls_are_kept_and_a_trailing_slash_is_not() -> None:
    database = "postgres://u:p@db.example:6543/name?sslmode=require"
    given = GivenUrls.of({"DATABASE_URL": database, "REDIS_URL": "rediss://:p@cache.example:7/"})
    assert given == GivenUrls(database, "rediss://:p@cache.example:7")
    assert GivenUrls.of({}) == GivenUrls("", "")


def test_an_unreachable_database_is_named_without_its_password() -> None:
    port = pick()
    with pytest.raises(Refused) as refusal:
        GivenUrls(database=f"postgresql://dex:hidden%21@{HOST}:{port}/dex").require_reachable()
    text = str(refusal.value)
    assert text.startswith(f"DATABASE_URL postgresql://dex:***@{HOST}:{port}/dex cannot be used: ")
    assert "refused" in text.lower()
    assert "hidden" not in text
    assert "\n" not in text


def test_an_unreachable_redis_is_named_without_its_password() -> None:
    port = pick()
    with pytest.raises(Refused) as refusal:
        GivenUrls(redis=f"redis://:hidden@{HOST}:{port}").require_reachable()
    text = str(refusal.value)
    assert text.startswith(f"REDIS_URL redis://:***@{HOST}:{port} cannot be used: ")
    assert "hidden" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://:p@h:1", "redis://:***@h:1"),
        ("redis://user@h", "redis://user@h"),
        ("redis://h", "redis://h"),
        ("nonsense", "nonsense"),
    ],
)
def test_only_the_password_is_masked(url: str, masked: str) -> None:
    assert mask(url) == masked


def test_no_piece_of_a_password_with_an_at_sign_is_told() -> None:
    with pytest.raises(Refused) as refusal:
        GivenUrls(database="postgresql://u:se@kret@nohost.invalid/x").require_reachable()
    assert "kret" not in str(refusal.value)
