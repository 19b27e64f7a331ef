"""The position cache: an account's state in Redis, keyed by its version.

A key names one version and its content never changes, so an entry cannot be stale; a flush
costs one read of Postgres. Each entry is signed: what somebody else wrote counts as a miss.
Money stages never read it: they lock the account and read its rows.
"""

import json
import logging
from typing import cast

import redis
from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from paper_trading.models import PaperTradingAccount
from paper_trading.services import account_state
from paper_trading.services.account_state import AccountState
from paper_trading.services.redis_client import client

logger = logging.getLogger(__name__)

#: Every tick that moves a mark makes a new version; the old ones must not pile up.
LIFE_SECONDS = 300
_SALT = "paper_trading.position_cache"


def read(row: PaperTradingAccount) -> AccountState:
    """Return an account's state at its row's version, from Redis or, on a miss, from Postgres.

    When Postgres has moved on, the state of its newer version is returned and kept under
    its own key.
    """
    state = _get(row)
    if state is not None:
        return state
    newer, state = _rebuild(row.pk)
    write(newer, state)
    return state


def write(row: PaperTradingAccount, state: AccountState) -> None:
    """Keep a state. Redis being away costs the next reader a look into Postgres."""
    body = json.dumps(account_state.to_json(state), separators=(",", ":"))
    key = _key(row, state.version)
    entry = f"{_signature(key, body)}{body}"
    try:
        client(settings.CACHE_DB).set(key, entry, ex=LIFE_SECONDS)
    except redis.RedisError as error:
        logger.warning("position cache not written for account %s: %s", row.pk, error)


def _rebuild(account_id: int) -> tuple[PaperTradingAccount, AccountState]:
    """Read a consistent state without a lock: again when the version moved meanwhile."""
    while True:
        row = PaperTradingAccount.objects.get(pk=account_id)
        state = account_state.load(row)
        versions = PaperTradingAccount.objects.filter(pk=account_id)
        if versions.values_list("state_version", flat=True).get() == state.version:
            return row, state


def _get(row: PaperTradingAccount) -> AccountState | None:
    key = _key(row, row.state_version)
    try:
        entry = cast("bytes | None", client(settings.CACHE_DB).get(key))
    except redis.RedisError as error:
        logger.warning("position cache not read for account %s: %s", row.pk, error)
        return None
    if entry is None:
        return None
    signature, body = _split(entry)
    if not constant_time_compare(signature, _signature(key, body)):
        logger.error("position cache entry of account %s is not ours; ignored", row.pk)
        return None
    try:
        return account_state.from_json(json.loads(body))
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("position cache entry of account %s is of old: %r", row.pk, error)
        return None


def _split(entry: bytes) -> tuple[str, str]:
    text = entry.decode("utf-8", errors="replace")
    return text[:64], text[64:]


def _key(row: PaperTradingAccount, version: int) -> str:
    """Return the key; the moment of its making tells an account from one of another database."""
    return f"dex:account:{row.pk}:{row.created_at:%Y%m%d%H%M%S%f}:{version}"


def _signature(key: str, body: str) -> str:
    return salted_hmac(_SALT, key + body, algorithm="sha256").hexdigest()
