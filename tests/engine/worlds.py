"""Small worlds for tests: tokens, quotes, batches, accounts and the rules of a level."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.account import Account
from paper_trading.engine.accounting import open_account
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    Action,
    ExitReason,
    FillGrade,
    Side,
    TradeStatus,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.engine.market import Batch, GasConditions, Quote, Token
from paper_trading.engine.money import ZERO
from paper_trading.engine.steps import Rules
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.trade import Swap, TradeRecord, Transaction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GAS = GasConditions(8453, 5_000_000, 1_000_000, 160_000_000, 8_350_000)

#: The middle level.
APPETITE = Appetite(
    level=5,
    min_confidence=Decimal(70),
    min_families=3,
    max_cost_percent=Decimal(22),
    min_outcome_percent=Decimal(24),
    max_position_percent=Decimal(10),
    max_exposure_percent=Decimal(50),
    max_pool_percent=Decimal("0.15"),
    slippage_share_percent=Decimal(60),
    cool_down_minutes=60,
    max_adds=1,
    mev_protection=True,
)


def token(
    token_id: int = 1, symbol: str = "AAA", decimals: int = 18, fee_pips: int = 3000
) -> Token:
    return Token(token_id, symbol, decimals, f"0x{token_id:040x}", fee_pips)


def quote(
    of: Token,
    price: str | Decimal = "100",
    at: datetime = NOON,
    liquidity: str | None = "10000000",
) -> Quote:
    depth = None if liquidity is None else Decimal(liquidity)
    return Quote(of, Decimal(price), at, "test", depth)


def batch(
    *quotes: Quote,
    at: datetime = NOON,
    cash_price: str = "1",
    native_price: str | None = "2000",
    sigma: Mapping[int, Decimal] | None = None,
    gas: GasConditions = GAS,
) -> Batch:
    return Batch(
        id=1,
        step=1,
        market_time=at,
        quotes={one.token.id: one for one in quotes},
        gas=gas,
        cash_price_usd=Decimal(cash_price),
        native_price_usd=None if native_price is None else Decimal(native_price),
        # No drift unless a test asks for it: a swap then pays exactly what it quotes.
        sigma_annual=sigma if sigma is not None else {one.token.id: ZERO for one in quotes},
    )


def later(world: Batch, prices: Mapping[int, str], **delay: int) -> Batch:
    """Return the batch a while later, with some prices changed and every quote fresh."""
    at = world.market_time + timedelta(**delay)
    quotes = {
        key: replace(one, observed_at=at, price_usd=Decimal(prices.get(key, one.price_usd)))
        for key, one in world.quotes.items()
    }
    return replace(world, market_time=at, step=world.step + 1, quotes=quotes)


def rules(
    strategy: Strategy | None = None,
    appetite: Appetite = APPETITE,
    *,
    paused: bool = False,
    halted: bool = False,
    managed: bool = False,
) -> Rules:
    """Return rules whose orders fill in their step, or are pending when they are managed."""
    by = replace(strategy or Strategy(), use_transaction_manager=managed)
    return Rules(by, appetite, 7, entries_paused=paused, halted=halted)


def account(deposit: str = "10000") -> Account:
    return open_account(Decimal(deposit))


def decision(of: Token, action: Action = Action.BUY, score: str | None = "0.5") -> Decision:
    return Decision(
        token_id=of.id,
        symbol=of.symbol,
        action=action,
        code=Code.SIGNAL_EXIT if action is Action.SELL else Code.OK,
        level=5,
        score=None if score is None else Decimal(score),
        confidence=Decimal(80),
    )


def swap(
    amount_in: int,
    amount_out: int,
    *,
    gas: str = "0",
    status: TransactionStatus = TransactionStatus.CONFIRMED,
    approve: bool = False,
    mid_price: str = "100",
) -> Swap:
    """Return a swap as if the chain had made it; its gas is split over its transactions."""
    kinds = [TransactionKind.APPROVE] * approve + [TransactionKind.SWAP]
    made = tuple(
        Transaction(
            kind=kind,
            status=status if kind is TransactionKind.SWAP else TransactionStatus.CONFIRMED,
            nonce=index,
            gas_used=1,
            gas_price_wei=1,
            l1_fee_wei=0,
            fee_wei=1,
            fee_usd=Decimal(gas) / len(kinds),
        )
        for index, kind in enumerate(kinds)
    )
    return Swap(
        status=status,
        amount_in=amount_in,
        quoted_out=amount_out,
        minimum_out=0,
        amount_out=amount_out if status is TransactionStatus.CONFIRMED else 0,
        mid_price=Decimal(mid_price),
        fee_usd=ZERO,
        impact_usd=ZERO,
        drift_usd=ZERO,
        mev_usd=ZERO,
        shortfall_usd=ZERO,
        grade=FillGrade.C,
        transactions=made,
    )


def record(
    of: Token,
    side: Side,
    made: Swap | None,
    *,
    at: datetime = NOON,
    reason: ExitReason | None = ExitReason.SIGNAL,
    status: TradeStatus | None = None,
) -> TradeRecord:
    """Return the record of a swap, or of a denial when there is none."""
    if status is None:
        confirmed = made is not None and made.status is TransactionStatus.CONFIRMED
        done = TradeStatus.FILLED if confirmed else TradeStatus.FAILED
        status = TradeStatus.DENIED if made is None else done
    return TradeRecord(
        token=of,
        side=side,
        status=status,
        code=Code.OK if status is TradeStatus.FILLED else Code.MINIMUM_OUT_NOT_MET,
        market_time=at,
        sequence=0,
        exit_reason=reason if side is Side.SELL else None,
        confidence=None,
        asked_usd=ZERO,
        allowed_usd=ZERO,
        limit="",
        swap=made,
    )
