"""The fake upstream can be as late as the providers are."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.upstream import providers
from tests.upstream.providers import Asked
from tests.upstream.world import UpstreamToken, View, World, registry_world

START = datetime(2100, 1, 4, tzinfo=UTC)
BASE = 8453


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.time = START + timedelta(seconds=5)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return registry_world(BASE, now=clock.now)


def weth(world: World) -> UpstreamToken:
    return world.token("WETH", BASE)


def attributes(world: World, *path: str, **query: str) -> Any:
    reply, _ = providers.geckoterminal(View(world), Asked(["networks", "base", *path], query))
    data = json.loads(reply.body)["data"]
    return (data[0] if isinstance(data, list) else data)["attributes"]


def gecko_price(world: World) -> Decimal:
    return Decimal(attributes(world, "pools", "multi", weth(world).pool)["base_token_price_usd"])


def test_geckoterminal_says_what_was_at_the_last_whole_minute(world: World, clock: Clock) -> None:
    world.cache_seconds = 60
    world.series = lambda _, at: Decimal(1000 + int((at - START).total_seconds()))
    assert gecko_price(world) == 1000
    clock.pass_by(54)
    assert gecko_price(world) == 1000
    clock.pass_by(1)
    assert gecko_price(world) == 1060


def test_prices_that_a_test_moves_are_cached_too(world: World, clock: Clock) -> None:
    world.cache_seconds = 60
    before = gecko_price(world)
    world.prices["WETH"] = Decimal(1900)
    world.depths["WETH"] = Decimal(5)
    assert gecko_price(world) == before
    clock.pass_by(60)
    assert gecko_price(world) == 1900
    world.cache_seconds = 0
    world.prices["WETH"] = Decimal(1950)
    assert gecko_price(world) == 1950


def test_candles_come_from_the_cache(world: World, clock: Clock) -> None:
    world.cache_seconds = 600
    clock.pass_by(500)
    token = weth(world)
    before = str(int(START.timestamp()) + 3600)
    query = {"token": token.address, "before_timestamp": before, "limit": "1"}
    path = ("pools", token.pool, "ohlcv", "minute")
    [[newest, *_]] = attributes(world, *path, **query)["ohlcv_list"]
    assert newest == int(START.timestamp()) - 300
    clock.pass_by(100)
    [[newest, *_]] = attributes(world, *path, **query)["ohlcv_list"]
    assert newest == int(START.timestamp()) + 300


def test_prices_of_defillama_can_be_old(world: World) -> None:
    asked = Asked(["prices", "current", f"base:{weth(world).address}"], {})
    for age in (0, 900):
        world.llama_age_seconds = age
        reply, _ = providers.defillama(View(world), asked)
        (said,) = json.loads(reply.body)["coins"].values()
        assert said["timestamp"] == int(world.now().timestamp()) - age
