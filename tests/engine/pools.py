"""One token's pool, and swaps on it."""

from datetime import UTC, datetime
from decimal import Decimal

from paper_trading.engine.enums import Side, TransactionStatus
from paper_trading.engine.fills import execute_swap
from paper_trading.engine.market import Batch, GasConditions, Quote, Token
from paper_trading.engine.trade import Order, Swap

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = Token(7, "WETH", 18, "0x4200000000000000000000000000000000000006", 3000)
CASH = 10**6
ETHER = 10**18
BASE = GasConditions(8453, 5_000_000, 1_000_000, 158_000_000, 8_350_000)
ETHEREUM = GasConditions(1, 160_000_000, 10_000_000)
APPROVED = frozenset({0, TOKEN.id})
CONFIRMED, REVERTED = TransactionStatus.CONFIRMED, TransactionStatus.REVERTED


def batch_of(
    *,
    token: Token = TOKEN,
    price: str = "2000",
    liquidity: str | None = "2500000",
    gas: GasConditions = BASE,
    sigma: str | None = "0",
    cash_price: str = "1",
) -> Batch:
    """Return a batch with one quote; by default a million dollars a side and no drift."""
    depth = None if liquidity is None else Decimal(liquidity)
    quote = Quote(token, Decimal(price), NOON, "test", depth)
    return Batch(
        id=1,
        step=1,
        market_time=NOON,
        quotes={token.id: quote},
        gas=gas,
        cash_price_usd=Decimal(cash_price),
        native_price_usd=Decimal(2000),
        sigma_annual={} if sigma is None else {token.id: Decimal(sigma)},
    )


def order_of(side: Side, amount_in: int, tolerance: str = "0.01", token: Token = TOKEN) -> Order:
    return Order(token, side, amount_in, Decimal(tolerance))


def swap_of(
    order: Order, batch: Batch, seed: int = 1, approvals: frozenset[int] = APPROVED
) -> Swap:
    return execute_swap(order, batch, seed=seed, nonce=0, approvals=approvals)


def seed_where(order: Order, batch: Batch, status: TransactionStatus) -> int:
    return next(seed for seed in range(500) if swap_of(order, batch, seed).status is status)
