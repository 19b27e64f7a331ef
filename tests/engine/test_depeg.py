"""A stablecoin off its peg: equity, sizes, exits and deposits stay right."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.engine import accounting
from paper_trading.engine.account import Account
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import BreakerKind, ExitReason
from paper_trading.engine.equity import equity, worth
from paper_trading.engine.exits import exit_reason
from paper_trading.engine.market import Batch
from paper_trading.engine.money import from_base_units, usd
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.track import worth_of
from paper_trading.intelligence import book as books
from tests.engine.desks import A, closed, executed, holding, only
from tests.engine.worlds import APPETITE, NOON, account, batch, decision, later, quote, rules

#: Nothing is sold, and the level alone decides the size.
CALM = Strategy(
    stop_loss_percent=Decimal(50),
    take_profit_percent=Decimal(99),
    max_position_size_percent=Decimal(100),
    max_drawdown_percent=Decimal(99),
    max_daily_loss_percent=Decimal(99),
    max_portfolio_loss_percent=Decimal(99),
)
WIDE = replace(APPETITE, max_position_percent=Decimal(40), max_pool_percent=Decimal(1))
CALM_RULES = rules(CALM, WIDE)


def world(cash: str, price: str = "100") -> Batch:
    return batch(quote(A, price, liquidity="1000000000"), cash_price=cash)


def drawdown(of: Account, now: Batch) -> Decimal:
    return equity(of, now).drawdown_percent


@pytest.mark.parametrize("peg", ["0.87", "0.9999", "1.02"])
def test_equity_is_cash_at_its_price_and_positions_at_theirs(peg: str) -> None:
    bought = executed(decision(A), world=world("1"), by=CALM_RULES).account
    point = closed(bought, later(world(peg), {}, minutes=5), CALM_RULES).equity
    units = bought.positions[A.id].units
    assert point.positions_usd == usd(from_base_units(units, 18) * 100)
    assert point.cash_usd == usd(bought.cash_usd * Decimal(peg))
    assert point.equity_usd == point.cash_usd + point.positions_usd


@pytest.mark.parametrize("peg", ["0.8", "1.25"])
def test_an_entry_spends_its_share_of_equity_in_cash(peg: str) -> None:
    trade = only(executed(decision(A), world=world(peg), by=CALM_RULES))
    # All cash: forty percent of equity in USD are forty percent of the cash.
    assert trade.allowed_usd == 4000
    assert trade.swap is not None
    got = Decimal(trade.swap.amount_out) / 10**18 * 100
    assert got == pytest.approx(4000 * Decimal(peg), rel=Decimal("0.02"))


def test_a_position_that_is_held_counts_in_cash_too() -> None:
    bought = executed(decision(A), world=world("1"), by=CALM_RULES).account
    now = later(world("0.8"), {}, minutes=90)
    trade = only(executed(decision(A), of=bought, world=now, by=CALM_RULES))
    total = worth(bought, Decimal("0.8"))
    held = from_base_units(bought.positions[A.id].units, 18) * 100
    assert trade.asked_usd == pytest.approx(total * 40 / 100 / Decimal("0.8"), rel=Decimal("1e-9"))
    room = (total * 40 / 100 - held) / Decimal("0.8")
    # In dollars the position is where it was, and the equity around it shrank.
    assert room < 0
    assert trade.code is Code.EXPOSURE_FULL


@pytest.mark.parametrize(
    ("peg", "reason"),
    [
        # The token stands still; in a cash that lost 12 % the position gained.
        ("0.88", ExitReason.TAKE_PROFIT),
        ("1.08", ExitReason.STOP_LOSS),
        ("0.97", None),
    ],
)
def test_exits_are_net_in_the_cash_that_was_paid(peg: str, reason: ExitReason | None) -> None:
    held = holding()
    result = closed(held, later(batch(quote(A), cash_price=peg), {}, minutes=5))
    assert [one.exit_reason for one in result.trades] == ([] if reason is None else [reason])


@pytest.mark.parametrize(
    ("risen", "fallen", "reason"),
    [
        # The token stands still; what it is worth in cash rises by 13 % and falls by 6 %.
        (("100", "0.88"), ("100", "0.94"), ExitReason.TRAILING_STOP),
        # In dollars it rises by 8 % and falls by 4 %; in cash it stands still.
        (("108", "1.08"), ("104", "1.04"), None),
        # Both at once: in cash it falls from 125 to 120, in dollars from 110 to 96.
        (("110", "0.88"), ("96", "0.8"), ExitReason.TRAILING_STOP),
        # It falls by 12 % in dollars and not in cash.
        (("110", "1"), ("96.8", "0.88"), None),
    ],
)
def test_the_trailing_stop_follows_what_a_token_is_worth_in_cash(
    risen: tuple[str, str], fallen: tuple[str, str], reason: ExitReason | None
) -> None:
    trailing = replace(
        CALM, trailing_activation_percent=Decimal(5), trailing_distance_percent=Decimal(3)
    )
    by = rules(trailing, WIDE)
    first = later(world(risen[1], risen[0]), {}, minutes=5)
    up = closed(holding(), first, by)
    assert not up.trades
    down = closed(up.account, later(world(fallen[1], fallen[0]), {}, minutes=9), by)
    assert [one.exit_reason for one in down.trades] == ([] if reason is None else [reason])


def test_without_a_price_of_cash_no_trailing_stop_is_due() -> None:
    trailing = replace(
        CALM, trailing_activation_percent=Decimal(5), trailing_distance_percent=Decimal(3)
    )
    held = replace(holding().positions[A.id], high_price_usd=Decimal(110))
    due = [
        exit_reason(held, trailing, NOON, manual=False, cash_price_usd=Decimal(cash))
        for cash in ("0", "1")
    ]
    assert due == [None, ExitReason.TRAILING_STOP]


@pytest.mark.parametrize("peg", ["0.8", "1.25"])
def test_the_high_of_a_new_position_is_in_cash(peg: str) -> None:
    held = executed(decision(A), world=world(peg), by=CALM_RULES).account.positions[A.id]
    assert held.mark_price_usd == 100
    assert held.high_price_usd == 100 / Decimal(peg)


@pytest.mark.parametrize("peg", ["0.8", "1", "1.1"])
def test_a_deposit_changes_no_percentage_of_loss(peg: str) -> None:
    now = later(world(peg, "60"), {}, minutes=5)
    bought = executed(decision(A), world=world("1"), by=CALM_RULES).account
    before = closed(bought, now, CALM_RULES).account
    assert before.positions
    assert before.cash_price_usd == Decimal(peg)
    after = accounting.deposit(before, Decimal(5000))
    assert after.cash_usd == before.cash_usd + 5000
    assert equity(after, now).equity_usd == equity(before, now).equity_usd + 5000 * Decimal(peg)
    assert drawdown(after, now) == drawdown(before, now) > 0
    assert accounting.cash_identity(after) == 0


def test_a_deposit_raises_the_baseline_of_a_reset_by_what_it_is_worth() -> None:
    book = books.opened(Decimal(10_000))
    now = closed(book.account, later(world("0.9"), {}, minutes=5)).account
    reset = books.after_reset(replace(book, account=now), BreakerKind.PORTFOLIO_LOSS)
    paid = books.after_deposit(reset, Decimal(1000))
    was, is_ = (one.breakers[BreakerKind.PORTFOLIO_LOSS].baseline_usd for one in (reset, paid))
    assert was is not None
    assert is_ == was + 900


def test_without_a_price_of_cash_the_last_one_stays() -> None:
    first = closed(holding(), later(world("0.9"), {}, minutes=5), CALM_RULES).account
    blind = closed(first, later(world("0"), {}, minutes=9), CALM_RULES).account
    assert blind.cash_price_usd == first.cash_price_usd == Decimal("0.9")
    held = (one.positions[A.id] for one in (first, blind))
    assert len({(one.mark_price_usd, one.marked_at) for one in held}) == 1


def test_without_a_price_of_cash_an_account_is_worth_what_it_was() -> None:
    first = closed(holding(), later(world("0.9"), {}, minutes=5), CALM_RULES)
    blind = later(world("0"), {}, minutes=9)
    after = closed(first.account, blind, CALM_RULES)
    assert after.equity.cash_price_usd == Decimal("0.9")
    assert after.equity.cash_usd == first.equity.cash_usd > 0
    assert after.equity.equity_usd == first.equity.equity_usd
    assert after.equity.unrealized_usd == first.equity.unrealized_usd
    assert after.equity.drawdown_percent == first.equity.drawdown_percent
    assert not any(one.tripped for one in after.breakers.values())
    assert worth_of(after.equity).cash_price_usd == Decimal("0.9")


def test_without_a_price_of_cash_it_is_unknown_what_closing_would_pay() -> None:
    blind = later(world("0"), {}, minutes=9)
    assert equity(holding(), blind).equity_if_closed_usd is None
    cash_only = replace(account(), cash_price_usd=Decimal("0.9"))
    assert equity(cash_only, blind).equity_if_closed_usd == 9000


def test_what_an_entry_would_ask_for_is_known_without_a_price_of_cash() -> None:
    bought = closed(holding(), later(world("0.8"), {}, minutes=5), CALM_RULES).account
    result = executed(decision(A), of=bought, world=later(world("0"), {}, minutes=9), by=CALM_RULES)
    trade = only(result)
    assert trade.code is Code.PRICE_MISSING
    wanted = worth(bought, Decimal("0.8")) * 40 / 100 / Decimal("0.8")
    assert trade.asked_usd == pytest.approx(wanted, rel=Decimal("1e-9"))
