"""What one decision read, column by column, and the short seal that its row keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.decision import DecisionInputs
from paper_trading.engine.depth import depth_to_json
from paper_trading.engine.enums import PoolKind, PriceVerdict
from paper_trading.engine.market import Batch, GasConditions, OtherPool, Token
from paper_trading.engine.seal import seal
from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.market_view import Listed
from paper_trading.intelligence.series import ClosedBar

#: Hexadecimal digits kept of each column: 24 bits. A thought is written for every token and
#: tick, so its seal is one text without the names of the columns.
_DIGITS = 6
_PRICES = tuple(one.name for one in fields(Bar))
_JUDGED = tuple(one.name for one in fields(ClosedBar) if one.name not in ("bar", "signals"))


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a decision reads of an account: nothing else of it matters."""

    state_version: int
    #: Market time at which the open position was opened; None: flat.
    held_since: datetime | None
    #: Notional of the round trip that the cost gate asks about, USD.
    notional_usd: Decimal


def columns(listed: Listed, batch: Batch, facts: AccountFacts) -> dict[str, Any]:
    """Return all that a decision on a token reads of its account, batch, quote and bar.

    Quantiles and experience are not in it: both can be made again from their market's rows.
    """
    return {**_account_columns(facts), **_market_columns(listed, batch)}


def _account_columns(facts: AccountFacts) -> dict[str, Any]:
    return {one.name: getattr(facts, one.name) for one in fields(facts)}


def _market_columns(listed: Listed, batch: Batch) -> dict[str, Any]:
    token = listed.token
    return {
        "token id": token.id,
        "token symbol": token.symbol,
        "token decimals": token.decimals,
        "token address": token.address,
        "token fee_pips": token.fee_pips,
        # Of constant product, decisions are sealed as they were before there were kinds.
        **({} if token.kind is PoolKind.V2 else {"token kind": token.kind}),
        **({} if token.through is None else {"token through": token.through}),
        **_batch_columns(batch),
        **_quote_columns(token.id, batch),
        **_between_columns(token, batch),
        **_bar_columns(listed),
    }


def _batch_columns(batch: Batch) -> dict[str, Any]:
    fees = batch.gas
    return {
        "batch step": batch.step,
        "batch market_time": batch.market_time,
        "batch cash_price_usd": batch.cash_price_usd,
        "batch native_price_usd": batch.native_price_usd,
        "batch chain_id": fees.chain_id,
        "batch base_fee_wei": fees.base_fee_wei,
        "batch priority_fee_wei": fees.priority_fee_wei,
        "batch l1_base_fee_wei": fees.l1_base_fee_wei,
        "batch l1_blob_base_fee_wei": fees.l1_blob_base_fee_wei,
        **_scalar_columns(fees),
    }


def _scalar_columns(fees: GasConditions) -> dict[str, Any]:
    """Return the scalars of the L1 part, where a chain has told others than those we know."""
    names = ("base_fee_scalar", "blob_base_fee_scalar")
    known = GasConditions(fees.chain_id, 0, 0)
    told = {f"batch {name}": getattr(fees, name) for name in names}
    return {} if all(getattr(known, name) == getattr(fees, name) for name in names) else told


def _quote_columns(token_id: int, batch: Batch) -> dict[str, Any]:
    quote = batch.quotes.get(token_id)
    names: tuple[str, ...] = ("price_usd", "observed_at", "source", "liquidity_usd")
    # Decisions on trusted prices are sealed as they were before there were verdicts.
    if quote is not None and quote.verdict is not PriceVerdict.FRESH:
        names = (*names, "verdict")
    said = {f"quote {name}": None if quote is None else getattr(quote, name) for name in names}
    # Without a quote there is no row that could keep it, and nothing is priced.
    sigma = None if quote is None else batch.sigma_annual.get(token_id)
    depth = None if quote is None else depth_to_json(quote.depth)
    read = {} if depth is None else {"quote depth": depth}
    others = () if quote is None else quote.others
    further = {"quote others": [_other(one) for one in others]} if others else {}
    return {**said, **read, **further, "quote sigma_annual": sigma}


def _other(pool: OtherPool) -> list[Any]:
    liquidity = None if pool.liquidity_usd is None else str(pool.liquidity_usd)
    price = None if pool.price_usd is None else str(pool.price_usd)
    listed = [pool.address, pool.kind.value, pool.fee_pips, pool.through]
    return [*listed, liquidity, depth_to_json(pool.depth), price]


def _between_columns(token: Token, batch: Batch) -> dict[str, Any]:
    """Return what is read of the tokens that come between, for pools that are not against cash."""
    found: dict[str, Any] = {}
    for through in dict.fromkeys([token.through, *(one.through for one in token.further)]):
        hop = None if through is None else batch.quotes.get(through)
        if hop is None:
            continue
        name = "between" if through == token.through else f"between {hop.token.symbol}"
        found |= {
            f"{name} price_usd": hop.price_usd,
            f"{name} liquidity_usd": hop.liquidity_usd,
            f"{name} verdict": hop.verdict,
            f"{name} depth": depth_to_json(hop.depth),
            f"{name} fee_pips": hop.token.fee_pips,
            f"{name} kind": hop.token.kind,
            f"{name} decimals": hop.token.decimals,
            f"{name} through": hop.token.through,
        }
    return found


def _bar_columns(listed: Listed) -> dict[str, Any]:
    closed = listed.bar
    prices = {
        f"bar {name}": None if closed is None else getattr(closed.bar, name) for name in _PRICES
    }
    judged = {f"bar {name}": None if closed is None else getattr(closed, name) for name in _JUDGED}
    signals = () if closed is None else closed.signals
    # One text: thousands of them are sealed in a replay.
    said = " ".join(
        f"{one.name} {one.family.value} {one.reading} {one.weight} {one.contribution}"
        for one in signals
    )
    return {**prices, **judged, "bar signals": said}


def inputs_of(listed: Listed, batch: Batch, facts: AccountFacts) -> DecisionInputs:
    """Return what a decision's row keeps of its inputs."""
    quote, closed = batch.quotes.get(listed.token.id), listed.bar
    return DecisionInputs(
        state_version=facts.state_version,
        held_since=facts.held_since,
        notional_usd=facts.notional_usd,
        observed_at=None if quote is None else quote.observed_at,
        bar_end=None if closed is None else closed.bar.end,
        seal=_short(_account_columns(facts)) + _market_seal(listed, batch),
    )


def _market_seal(listed: Listed, batch: Batch) -> str:
    """Return the seal of what every account reads of a token, made once a batch."""
    name = ("seal", listed.token.id)
    kept, made = batch.once(name, lambda: (listed, _short(_market_columns(listed, batch))))
    # With another bar of the same token it is another seal.
    return made if kept is listed else _short(_market_columns(listed, batch))


def _short(found: Mapping[str, Any]) -> str:
    return "".join(digest[:_DIGITS] for digest in seal(found).values())


def facts_of(inputs: DecisionInputs) -> AccountFacts:
    """Return what a decision read of its account, from what its row keeps."""
    return AccountFacts(inputs.state_version, inputs.held_since, inputs.notional_usd)


def changed(kept: str, found: Mapping[str, Any]) -> list[str]:
    """Return the columns whose values do not match a kept seal, in the order of the columns.

    A seal of another length names itself: it was cut, or other columns were sealed.
    """
    made = [digest[:_DIGITS] for digest in seal(found).values()]
    if len(kept) != _DIGITS * len(made):
        return ["seal"]
    parts = [kept[place : place + _DIGITS] for place in range(0, len(kept), _DIGITS)]
    return [name for name, *pair in zip(found, parts, made, strict=True) if pair[0] != pair[1]]
