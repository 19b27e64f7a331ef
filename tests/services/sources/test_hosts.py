"""A base URL is one of a public host, or the message says which setting is wrong and why."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from paper_trading.services.sources.live.hosts import addresses, check_base_url, is_private_host

SECRET = "hunter2-0123456789"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host.example", "starts with ftp"),
        ("host.example/v1", "starts with nothing"),
        ("file:///etc/passwd", "starts with file"),
        ("", "starts with nothing"),
        ("https://", "names no host"),
        ("https://:443/x", "names no host"),
        (f"https://me:{SECRET}@host.example", "user name or a password"),
        (f"https://host.example/?key={SECRET}", "a query or a fragment"),
        (f"https://host.example/#{SECRET}", "a query or a fragment"),
        ("https://host.example:99999/", "is not a URL"),
        ("https://host.example:0/", "port 0"),
        ("https://[::1/", "is not a URL"),
        ("https://host .example", "blank"),
        ("https://host.example/\x00", "blank"),
    ],
)
def test_what_is_no_base_url_is_refused_with_its_setting(url: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DEX_X_URL: ") as caught:
        check_base_url("DEX_X_URL", url, allow_private=True)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.1", "10.0.0.1", "172.16.0.1",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fd12::1]",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "localhost",
        "LOCALHOST.", "db.localhost", "printer.local", "metadata.google.internal",
    ],
)  # fmt: skip
def test_a_host_of_the_own_network_is_refused_unless_allowed(host: str) -> None:
    url = f"http://{host}:8545"
    with pytest.raises(ImproperlyConfigured, match=r"DEX_RPC: .* DEX_ALLOW_PRIVATE_SOURCES"):
        check_base_url("DEX_RPC", url, allow_private=False)
    assert check_base_url("DEX_RPC", url, allow_private=True) == url


@pytest.mark.parametrize(
    "host", ["api.coingecko.com", "1.1.1.1", "[2606:4700::1111]", "10.example"]
)
def test_a_public_host_is_taken(host: str) -> None:
    url = f"https://{host}/api/v3"
    assert check_base_url("DEX_X_URL", f"{url}/", allow_private=False) == url
    assert not is_private_host(host.strip("[]"))


def test_the_system_knows_this_machine() -> None:
    assert set(addresses("127.0.0.1")) == {"127.0.0.1"}
