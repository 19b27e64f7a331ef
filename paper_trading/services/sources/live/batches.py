"""Tokens in batches: no more to a call than its source allows, and no more calls than needed."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from paper_trading.services.sources.live.base import LiveToken


def by_chain(tokens: Iterable[LiveToken]) -> list[tuple[int, list[LiveToken]]]:
    """Return tokens by price chain, in the order of chain ids."""
    found: dict[int, list[LiveToken]] = {}
    for token in tokens:
        found.setdefault(token.price_chain_id, []).append(token)
    return sorted(found.items())


def batches(
    tokens: Iterable[LiveToken],
    key: Callable[[LiveToken], Hashable],
    fits: Callable[[Sequence[Hashable]], bool],
) -> Iterator[tuple[LiveToken, ...]]:
    """Yield tokens in batches whose distinct keys fit; tokens of one key stay together.

    A key is what the call names: a pool, an id, an address. One key alone always fits.
    """
    by_key: dict[Hashable, list[LiveToken]] = {}
    for token in tokens:
        by_key.setdefault(key(token), []).append(token)
    keys: list[Hashable] = []
    for one in by_key:
        if keys and not fits([*keys, one]):
            yield tuple(token for name in keys for token in by_key[name])
            keys = []
        keys.append(one)
    if keys:
        yield tuple(token for name in keys for token in by_key[name])


def at_most(limit: int) -> Callable[[Sequence[Hashable]], bool]:
    """Return the rule that a call names no more than `limit` keys."""
    return lambda keys: len(keys) <= limit
