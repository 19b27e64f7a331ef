"""Hosts of this machine and its network are told from public ones, however they are written."""

import pytest

from paper_trading.services.sources.live.hosts import addresses, is_private_host


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.1", "10.0.0.1", "172.16.0.1",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fd12::1]",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "localhost",
        "LOCALHOST.", "db.localhost", "printer.local", "metadata.google.internal",
        "nas.lan", "geth", "router.home.arpa",
    ],
)  # fmt: skip
def test_a_host_of_the_own_network_is_private(host: str) -> None:
    assert is_private_host(host.strip("[]"))


@pytest.mark.parametrize(
    "host", ["api.coingecko.com", "1.1.1.1", "[2606:4700::1111]", "10.example"]
)
def test_a_public_host_is_not(host: str) -> None:
    assert not is_private_host(host.strip("[]"))


def test_the_system_knows_this_machine() -> None:
    assert set(addresses("127.0.0.1")) == {"127.0.0.1"}
