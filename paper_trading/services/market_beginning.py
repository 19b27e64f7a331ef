"""The beginning of a market: a past that nothing is traded on, folded into bars and a genesis."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from paper_trading.intelligence.market_folding import MarketHead, fold_step
from paper_trading.intelligence.market_view import buyable
from paper_trading.intelligence.observed import SourceStep
from paper_trading.models import Bar, Market, MarketSignal, MarketToken
from paper_trading.models.bulk import copy_rows
from paper_trading.services import genesis, market_signals
from paper_trading.services.frozen_quantiles import freeze
from paper_trading.services.market_heads import (
    bar_rows,
    head_of,
    newest_bars,
    reader_of,
    save_head,
    terms_of,
    token_list,
)
from paper_trading.services.market_rows import listed_from_json


@dataclass(frozen=True, slots=True)
class Past:
    """What steps without trades made of a market that has no batch yet."""

    head: MarketHead
    #: Rows that are not saved.
    bars: list[Bar]
    #: Where the market goes on from.
    market_time: datetime


def fold_past(
    market: Market,
    rows: list[MarketToken],
    user: list[MarketSignal],
    steps: Iterable[SourceStep],
    market_time: datetime,
) -> Past:
    """Fold steps into a new market's bars, oldest first; nothing is written.

    `market_time` stands for the time of the last step when there is none.
    """
    head = head_of(market, rows, user)
    terms, reader = terms_of(market, market_signals.values(user)), reader_of(user)
    closed: list[Bar] = []
    for step in steps:
        folded = fold_step(step, head, terms, reader)
        head, market_time = folded.head, folded.batch.market_time
        closed += bar_rows(market, folded)
    return Past(head, closed, market_time)


def begin(market: Market, rows: list[MarketToken], user: list[MarketSignal], past: Past) -> bool:
    """Write a past with its genesis, in one transaction; False when another process was first.

    The market's `head_step` and `head_state` are those of its beginning, not yet saved.
    """
    with transaction.atomic():
        if Market.objects.select_for_update(no_key=True).get(pk=market.pk).head_step >= 0:
            return False
        copy_rows(past.bars)
        save_head(market, rows, past.head, newest_bars(market))
        tokens = listed_from_json(token_list(market, rows).tokens)
        freeze(market, past.market_time, buyable(tokens))
        market_signals.switch_off(market, user, past.head.off)
        genesis.keep(market, past.market_time, past.head, past.bars)
        market.save()
    return True
