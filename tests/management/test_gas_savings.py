"""The command `gas_savings`: modelled, on the prices of a file, and of a session's rows."""

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import TransactionKind, TransactionStatus
from paper_trading.engine.gas_savings.policies import B0
from paper_trading.engine.gas_savings.recorded import Sent, baseline_wei
from paper_trading.engine.gas_savings.savings import compare
from paper_trading.engine.gas_savings.study import CLAIMED, scenarios
from paper_trading.management import gas_text
from paper_trading.models import Market
from paper_trading.services.gas_rows import recorded_trades
from tests import builders
from tests.bot import worlds
from tests.engine.gas_savings.test_savings import outcome


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("gas_savings", *arguments, stdout=out)
    return out.getvalue()


def test_modelled_savings_say_so_in_every_line() -> None:
    text = said("--modelled", "--trades", "20", "--seed", "3")
    for scenario in scenarios():
        lines = [line for line in text.splitlines() if scenario.name in line]
        assert len(lines) >= 6
        assert all("modelled" in line for line in lines)
    assert "Control, B0 against itself: exactly 0" in text
    tight = [
        line.split("tight gas limit")[1].split() for line in text.splitlines() if "tight" in line
    ]
    assert [line[:3] for line in tight] == [["0.0", "-", "-"]] * 2
    assert sum("wait 30 min" in line for line in text.splitlines()) == 2
    assert sum("private channel  " in line for line in text.splitlines()) == 1
    assert "USD a trade saved against B0: below 0.001." in text
    assert text == said("--modelled", "--trades", "20", "--seed", "3")


def test_waiting_on_the_prices_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    prices = [f"2026-01-01,{30 + minute % 40}.5" for minute in range(400)]
    path.write_text("\n".join(["time,gas_price", *prices]))
    lines = said("--gas-prices", str(path)).splitlines()
    assert "minutes.csv" in lines[0]
    assert [line.split()[1] for line in lines[-4:]] == ["5", "15", "30", "60"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,price\n1,2", "no column gas_price"),
        ("gas_price\nx", "line 2 has no gas price"),
        ("gas_price\nNaN", "line 2 has no gas price"),
        ("gas_price\n1\n1e999999999", "line 3 has no gas price"),
        ("gas_price\n1", "two hours"),
        ("gas_price", "0 prices"),
        ("gas_price\n" + "-1\n" * 300, "negative base fee"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=message):
        said("--gas-prices", str(path))
    with pytest.raises(CommandError, match=r"none\.csv"):
        said("--gas-prices", str(tmp_path / "none.csv"))


@pytest.mark.django_db
def test_the_transactions_of_a_trade_come_together_with_its_fees(market: Market) -> None:
    weth = worlds.token_of(market, "WETH")
    session = builders.make_session(builders.make_account(market=market))
    tick = builders.make_tick(session)
    trade = builders.make_trade(tick, weth)
    builders.make_transaction(trade, 1, status=TransactionStatus.REVERTED, fee_wei=30)
    builders.make_transaction(trade, 0, kind=TransactionKind.APPROVE, fee_wei=20)
    builders.make_trade(tick, weth, 1)
    other = builders.make_session(builders.make_account(market=market))
    builders.make_transaction(builders.make_trade(builders.make_tick(other, 2), weth), 2)
    (found,) = recorded_trades(session)
    assert found.sent == (
        Sent(TransactionKind.APPROVE, TransactionStatus.CONFIRMED, 20),
        Sent(TransactionKind.SWAP, TransactionStatus.REVERTED, 30),
    )
    assert (found.paid_wei, found.native_price_usd) == (50, Decimal(2_500))
    conditions = found.conditions
    assert (conditions.chain_id, conditions.base_fee_wei) == (market.price_chain_id, 5_000_000)


@pytest.mark.django_db
def test_what_no_block_took_is_no_trade_and_a_later_leg_has_its_block_s_fees(
    market: Market,
) -> None:
    weth = worlds.token_of(market, "WETH")
    session = builders.make_session(builders.make_account(market=market))
    tick = builders.make_tick(session)
    lost = builders.make_trade(tick, weth, code=Code.NOT_INCLUDED)
    builders.make_transaction(lost, 0, status=TransactionStatus.EXPIRED, fee_wei=0, gas_price_wei=0)
    told = builders.make_trade(tick, weth, 1)
    builders.make_transaction(told, 1, gas_price_wei=77_000_000)
    (found,) = recorded_trades(session)
    conditions = found.conditions
    assert conditions.base_fee_wei + conditions.priority_fee_wei == 77_000_000


@pytest.mark.django_db
def test_a_session_pays_the_strict_baseline_and_says_so(market: Market) -> None:
    session = worlds.running_session(market)
    assert said("--session", str(session.pk)).endswith("has paid for no transaction yet.\n")
    worlds.run_ticks(session, 8)
    found = recorded_trades(session)
    assert [one.paid_wei for one in found] == [baseline_wei(one, B0) for one in found]
    strict, padded, _ = said("--session", str(session.pk)).splitlines()[1:]
    assert strict.split()[:4] == ["recorded", "B0", str(len(found)), "0.0"]
    # A sixth of the execution: data on L1 is not padded.
    assert padded.split()[3] == "16.6"


@pytest.mark.django_db
def test_a_session_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="there is no session 9") as caught:
        said("--session", "9")
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("managed", "words"),
    [(760, "exceeded"), (769, "within the interval"), (780, "not reached")],
)
def test_the_claim_is_compared_as_it_comes_out(managed: int, words: str) -> None:
    spread = [managed + (-5 if n % 2 else 5) * (managed == 769) for n in range(60)]
    found = compare(outcome(spread), outcome([1_000] * 60), seed=1)
    assert gas_text.claim(found) == words
    few = compare(outcome([1_000 - int(CLAIMED * 1_000)]), outcome([1_000]), seed=1)
    assert gas_text.claim(few) == "exceeded"
