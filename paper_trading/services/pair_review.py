"""Each token of the live markets looked at again once a day: is its pinned pool still the best?

A better pool is proposed and never taken silently: prices of another pool are other prices.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, transaction
from django.db.models import F, Max, QuerySet

from paper_trading.engine import money, pair_choice
from paper_trading.engine.pair_choice import Choice, Finding, PairSeen, Veto
from paper_trading.models import (
    FeedMode,
    Market,
    PaperTradingSession,
    SessionStatus,
    Token,
    TokenExamination,
)
from paper_trading.services.asking import Asking
from paper_trading.services.sources.live.addresses import checksummed
from paper_trading.services.sources.live.base import Reason, SourceFailure
from paper_trading.services.sources.live.token_search import SLUGS
from paper_trading.services.token_examination import look_at, pairs_of
from paper_trading.services.websocket_service import publish_on_commit

logger = logging.getLogger(__name__)
#: Tokens of one review: each may take two slow calls, and a task has a minute.
PORTION = 8
#: These are about one token; any other failure is about the source, and ends the review.
_OF_THE_TOKEN = (Reason.REQUEST_REFUSED, Reason.BAD_BODY)
_LONGEST_WORDS = 300
#: A proposal that is older is of pools as they are no more.
PROPOSAL_LIFE = timedelta(days=3)


class CannotTake(ValueError):
    """A proposed pool cannot be taken; the message says why."""


def due(now: datetime) -> QuerySet[Token]:
    """Return the tokens of live markets that were not looked at today, the longest ago first."""
    live = Token.objects.filter(
        listings__market__mode=FeedMode.LIVE, price_chain_id__in=SLUGS, price_address__gt=""
    )
    looked_at = TokenExamination.objects.filter(day=now.date()).values("token")
    waiting = live.exclude(pk__in=looked_at).annotate(last=Max("examinations__at"))
    return waiting.order_by(F("last").asc(nulls_first=True), "pk")


def review(asked: Asking, now: datetime) -> list[TokenExamination]:
    """Look at some of the tokens that are due, and return what was found.

    When the source cannot be asked, the rest waits for the next review. A token whose pools
    cannot be judged is kept as NOT_EXAMINED, and the others are looked at.
    """
    found: list[TokenExamination] = []
    for token in due(now)[:PORTION]:
        try:
            made = look_again(token, asked, now)
        except SourceFailure as failure:
            logger.warning("the pools of %s were not looked at: %s", token, failure)
            if failure.reason not in _OF_THE_TOKEN:
                break
            made = _not_examined(token, now, failure)
        except (DataError, ValueError, ArithmeticError) as odd:
            # One token's pools are never what keeps the others from being looked at.
            logger.exception("what was found of the pools of %s cannot be kept", token)
            made = _not_examined(token, now, odd)
        if made is not None:
            found.append(made)
    return found


def look_again(token: Token, asked: Asking, now: datetime) -> TokenExamination | None:
    """Look at a token's pools and keep what was found; None when that was done today already.

    :raises SourceFailure: when the source could not be asked, or said nothing readable.
    """
    address = token.price_address.lower()
    pairs = pairs_of(token.price_chain_id, address, asked)
    look = look_at(token.price_chain_id, address, pairs, now)
    choice = pair_choice.choose(pairs, look)
    pinned = _pinned(token, pairs)
    vetoes = _gone(token) if pinned is None else pair_choice.vetoes(pinned, look)
    depth = None if pinned is None else pinned.liquidity_usd
    values = {
        "liquidity_usd": None if depth is None else money.usd(depth),
        "vetoes": [[one.code.value, one.text] for one in vetoes],
        "flags": [[one.code.value, one.text] for one in choice.flags],
        **_proposal(token, choice, pinned),
    }
    further = [
        [pair.address, pair.kind, look.majors[pair.other(address).address], fee]
        for pair, fee in pair_choice.further(choice, look, token.pool_address.lower())
    ]
    return _keep(token, now, values, further)


def take(examination: TokenExamination, now: datetime) -> Token:
    """Pin the proposed pool: from the next batch on it prices the token.

    :raises CannotTake: when nothing is proposed, when it was taken, when a newer look was made,
        when the pinned pool has changed since, or when it is too old.
    """
    with transaction.atomic():
        token = Token.objects.select_for_update().get(pk=examination.token_id)
        row = TokenExamination.objects.get(pk=examination.pk)
        _require_takable(row, token, now)
        token.pool_address = row.proposed_pool
        token.pool_kind = row.proposed_kind
        token.pool_quote = row.proposed_quote
        token.pool_fee_pips = row.proposed_fee_pips or pair_choice.ASSUMED_FEE_PIPS
        token.pool_fee_is_assumed = row.proposed_fee_is_assumed
        # The next look finds them anew, the pool of before among them.
        token.further_pools = []
        token.save(
            update_fields=[
                "pool_address",
                "pool_kind",
                "pool_quote",
                "pool_fee_pips",
                "pool_fee_is_assumed",
                "further_pools",
            ]
        )
        row.accepted_at = now
        row.save(update_fields=["accepted_at"])
    logger.info("%s: pool %s taken in place of %s", token, row.proposed_pool, row.pool_address)
    return token


def _require_takable(row: TokenExamination, token: Token, now: datetime) -> None:
    if not row.proposed_pool:
        raise CannotTake(f"no other pool is proposed for {token}")
    if row.accepted_at is not None:
        raise CannotTake(f"this pool of {token} was taken already")
    if token.examinations.filter(at__gt=row.at).exists():
        raise CannotTake(f"{token} was looked at again since; go by the newest look")
    if token.pool_address.lower() != row.pool_address.lower():
        raise CannotTake(f"the pool of {token} was changed since; wait for the next look")
    if now - row.at > PROPOSAL_LIFE:
        raise CannotTake(
            f"this look at {token} is older than {PROPOSAL_LIFE.days} days; wait for the next"
        )


def _pinned(token: Token, pairs: Iterable[PairSeen]) -> PairSeen | None:
    pool = token.pool_address.lower()
    return next((pair for pair in pairs if pair.address == pool), None)


def _gone(token: Token) -> tuple[Finding, ...]:
    text = f"The source does not know its pool {token.pool_address or '(none is pinned)'}."
    return (Finding(Veto.NO_POOL, text),)


def _proposal(token: Token, choice: Choice, pinned: PairSeen | None) -> dict[str, Any]:
    """Return the columns of a proposal; none for a pool that is not better or is vetoed."""
    best = choice.pair
    if best is None or best.liquidity_usd is None or choice.vetoes:
        return {}
    depth = None if pinned is None else pinned.liquidity_usd
    is_pinned = best.address == token.pool_address.lower()
    if is_pinned or not pair_choice.is_deeper(best.liquidity_usd, depth):
        return {}
    return {
        "proposed_pool": checksummed(best.address),
        "proposed_liquidity_usd": money.usd(best.liquidity_usd),
        "proposed_kind": best.kind,
        "proposed_quote": choice.quote,
        "proposed_fee_pips": choice.fee_pips,
        "proposed_fee_is_assumed": choice.fee_is_assumed,
    }


def _keep(
    token: Token, now: datetime, values: dict[str, Any], further: list[list[Any]] | None = None
) -> TokenExamination | None:
    """Write the day's look and tell of it; None when another process was first.

    The further pools that it found are those of the day: they price nothing, so nobody is asked.
    """
    with transaction.atomic():
        known = token.examinations.order_by("at").last()
        row, made = TokenExamination.objects.get_or_create(
            token=token,
            day=now.date(),
            defaults={"at": now, "pool_address": token.pool_address, **values},
        )
        if not made:
            return None
        if further is not None and further != token.further_pools:
            token.further_pools = further
            token.save(update_fields=["further_pools"])
        _tell(token, row, known)
    return row


def _not_examined(token: Token, now: datetime, error: Exception) -> TokenExamination | None:
    """Keep that a token's pools could not be judged today; the words may be of the source."""
    words = "".join(one if one.isprintable() else " " for one in str(error))[:_LONGEST_WORDS]
    return _keep(token, now, {"flags": [["NOT_EXAMINED", words]]})


def _tell(token: Token, row: TokenExamination, before: TokenExamination | None) -> None:
    """Log what speaks against the pinned pool; a proposal is news once, not every day."""
    for code, text in row.vetoes:
        logger.warning("%s: %s: %s", token, code, text)
    if not row.proposed_pool or row.proposed_pool == (before and before.proposed_pool):
        return
    was = "unknown" if row.liquidity_usd is None else f"{row.liquidity_usd:,.0f} USD"
    text = (
        f"A deeper pool of {token} is proposed: {row.proposed_pool} with"
        f" {row.proposed_liquidity_usd:,.0f} USD; the pinned one has {was}."
    )
    logger.warning("%s", text)
    for market in Market.objects.filter(mode=FeedMode.LIVE, listings__token=token):
        for owner_id in _owners(market):
            publish_on_commit(
                owner_id,
                {
                    "type": "feed",
                    "market": market.pk,
                    "kind": "proposed",
                    "tokens": [token.symbol],
                    "text": text,
                },
            )


def _owners(market: Market) -> list[int]:
    running = PaperTradingSession.objects.filter(
        account__market=market, status=SessionStatus.RUNNING
    )
    owners = running.order_by("account__owner").values_list("account__owner", flat=True)
    return list(owners.distinct())
