"""An examined token in lines for people."""

from collections.abc import Iterator

from paper_trading.services.sources.live.addresses import checksummed
from paper_trading.services.token_adding import Examination

#: Pools that were passed over are many; the rest are counted.
_SHOWN_REFUSED = 5


def lines(examination: Examination) -> Iterator[str]:
    """Yield what an examination found."""
    name = examination.symbol or "No symbol"
    yield f"{name} {examination.price_address} on chain {examination.price_chain_id}"
    if examination.decimals is not None:
        yield f"  decimals: {examination.decimals}"
    yield from _pool(examination)
    for veto in examination.vetoes:
        yield f"  veto {veto.code}: {veto.text}"
    for note in examination.notes:
        yield f"  note {note.code}: {note.text}"
    refused = examination.choice.refused
    for pair, reason in refused[:_SHOWN_REFUSED]:
        yield f"  passed over {_address(pair.address)}: {reason.sentence}"
    if len(refused) > _SHOWN_REFUSED:
        yield f"  passed over {len(refused) - _SHOWN_REFUSED} more"


def _pool(examination: Examination) -> Iterator[str]:
    choice = examination.choice
    pair = choice.pair
    if pair is None:
        return
    assumed = " (assumed)" if choice.fee_is_assumed else ""
    yield f"  pool: {examination.pool}, {pair.kind}, against {choice.quote}"
    yield f"  fee: {choice.fee_pips} pips{assumed}"
    price = pair.price_of(examination.price_address.lower())
    if price is not None:
        yield f"  price: {price.normalize():f} USD"
    if pair.liquidity_usd is not None:
        yield f"  liquidity: {pair.liquidity_usd:,.0f} USD, both sides"


def _address(found: str) -> str:
    return checksummed(found) if len(found) == len("0x") + 40 else found
