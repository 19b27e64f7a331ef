"""Calls of a source in Redis: a log of the last hour, and the count of the month.

One script checks every window and notes the calls, so processes cannot pass a limit together.
A log holds the time of each call, hence a limit holds over any span, wherever it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import redis
from django.conf import settings

from paper_trading.services.redis_client import client
from paper_trading.services.sources.limits import Limit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Numbers travel as text: Lua would write microseconds since 1970 with an exponent.
# A server that was started anew may have lost the newest calls, so it counts as empty.
# A log holds the life that it is of, before every call: one that was lost alone is missed, too.
_PRIMED = """
local state, log = KEYS[1], KEYS[2]
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local primed = redis.call('HGET', state, 'server') == server
  and redis.call('ZSCORE', log, redis.call('HGET', state, 'life') or '')
"""

# KEYS: state, log. ARGV: now, calls, month, most of the month or -1, kept span, then pairs of a
# window and the most in it.
_TAKE = (
    _PRIMED
    + """
if not primed then return {'unprimed'} end
local now, calls = tonumber(ARGV[1]), tonumber(ARGV[2])
local month, most = ARGV[3], tonumber(ARGV[4])
local spent = tonumber(redis.call('HGET', state, 'calls') or '0')
-- Months are like 2026-07. A clock that lags counts into the newest month.
local known = redis.call('HGET', state, 'month') or ''
if month > known then spent = 0 else month = known end
if most >= 0 and spent + calls > most then return {'month'} end
local free = 0
for place = 6, #ARGV, 2 do
  local window, limit = tonumber(ARGV[place]), tonumber(ARGV[place + 1])
  -- Later entries count, too: another process may have a clock that is a little ahead.
  local oldest = string.format('%.0f', now - window)
  local surplus = redis.call('ZCOUNT', log, oldest, '+inf') + calls - limit
  if surplus > 0 then
    local last = redis.call(
      'ZRANGEBYSCORE', log, oldest, '+inf', 'WITHSCORES', 'LIMIT', surplus - 1, 1)
    free = math.max(free, tonumber(last[2]) + window + 1)
  end
end
if free > 0 then return {'refused', string.format('%.0f', free)} end
for _ = 1, calls do
  local number = redis.call('HINCRBY', state, 'number', 1)
  redis.call('ZADD', log, ARGV[1], ARGV[1] .. ':' .. number)
end
redis.call('HSET', state, 'month', month, 'calls', string.format('%.0f', spent + calls))
redis.call('ZREMRANGEBYSCORE', log, '(-inf', string.format('%.0f', now - tonumber(ARGV[5])))
return {'granted', redis.call('HGET', state, 'life')}
"""
)

# KEYS: state, log. ARGV: life.
_LIVES = _PRIMED + "return primed and redis.call('HGET', state, 'life') == ARGV[1]"
# Only where nothing is primed: a claim beside what is would outlive the loss of the log alone.
_CLAIM = _PRIMED + "if not primed then redis.call('HSET', state, 'claim:' .. ARGV[1], server) end"

# A claim that is gone says that Redis was emptied, and perhaps primed and used, since the rows
# were read: they may lack calls by now.
# KEYS: state, log. ARGV: life, month, calls of the month, then pairs of a time and its calls.
_PRIME = (
    _PRIMED
    + """
if primed then return 0 end
if redis.call('HGET', state, 'claim:' .. ARGV[1]) ~= server then return 0 end
redis.call('DEL', state, log)
redis.call('ZADD', log, '-inf', ARGV[1])
local number = 0
for place = 4, #ARGV, 2 do
  for _ = 1, tonumber(ARGV[place + 1]) do
    number = number + 1
    redis.call('ZADD', log, ARGV[place], ARGV[place] .. ':' .. number)
  end
end
redis.call('HSET', state, 'server', server, 'life', ARGV[1],
  'month', ARGV[2], 'calls', ARGV[3], 'number', number)
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Noted:
    """The calls are noted, in a life of the log: from its priming until it is lost."""

    life: str


@dataclass(frozen=True, slots=True)
class Full:
    """The calls do not fit: before `until`, or in this month at all when that is None."""

    until: datetime | None


class Unprimed(Exception):
    """Redis holds nothing of this source, or something older than its own start."""


@dataclass(frozen=True, slots=True)
class Past:
    """Calls that rows know of: of the month, and of the last hour by time."""

    month: str
    month_calls: int
    recent: Sequence[tuple[datetime, int]]


@cache
def _script(text: str) -> Any:
    # Not bound to a client: settings and forks may change which one is used.
    return redis.Redis().register_script(text)


def note(limit: Limit, calls: int, now: datetime) -> Noted | Full:
    """Note calls when every window and the month have room for them.

    :raises Unprimed: rows have to be read first; see `prime`.
    :raises redis.RedisError: Redis does not answer.
    """
    windows = list(limit.windows())
    # Twice the longest window, for clocks that differ.
    kept = 2 * max((seconds for seconds, _ in windows), default=0)
    most = -1 if limit.month_calls is None else limit.month_calls
    pairs = [number for seconds, most in windows for number in (seconds * 10**6, most)]
    answer = _script(_TAKE)(
        keys=_keys(limit),
        args=[microseconds(now), calls, month_of(now), most, kept * 10**6, *pairs],
        client=client(settings.CACHE_DB),
    )
    match answer[0]:
        case b"unprimed":
            raise Unprimed(limit.budget)
        case b"month":
            return Full(None)
        case b"refused":
            return Full(_EPOCH + int(answer[1]) * _MICROSECOND)
        case _:
            return Noted(answer[1].decode())


def claim(limit: Limit, life: str) -> None:
    """Say that rows are going to be read for a priming; `life` tells it from every other.

    Nothing is done when another process has primed it meanwhile.
    """
    _script(_CLAIM)(keys=_keys(limit), args=[life], client=client(settings.CACHE_DB))


def prime(limit: Limit, life: str, past: Past) -> None:
    """Put into Redis what rows know, read after the claim of the same life.

    Nothing is done when another process has primed it meanwhile, or Redis lost the claim.
    """
    pairs = [word for at, calls in past.recent for word in (microseconds(at), calls)]
    _script(_PRIME)(
        keys=_keys(limit),
        args=[life, past.month, past.month_calls, *pairs],
        client=client(settings.CACHE_DB),
    )


def lives(limit: Limit, life: str) -> bool:
    """Say whether the log is still the one that calls were noted in."""
    found = _script(_LIVES)(keys=_keys(limit), args=[life], client=client(settings.CACHE_DB))
    return bool(found)


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def month_of(moment: datetime) -> str:
    """Return the calendar month in UTC, such as 2026-07."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def _keys(limit: Limit) -> list[str]:
    return [f"dex:budget:{limit.budget}", f"dex:budget:{limit.budget}:calls"]
