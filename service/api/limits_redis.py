"""Limits counted in Redis or Valkey, over all instances; within this one while the store does not answer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from service.api.keys import Key, Limits
from service.api.limits import (
    CONCURRENCY,
    CONCURRENCY_RETRY_S,
    DAY,
    MINUTE,
    MONTH,
    SECOND,
    Limiter,
    Period,
    Used,
    Verdict,
    admitted_standings,
    period,
    quota_standings,
    verdict,
)
from service.redis_link import LinkDown, RedisLink

if TYPE_CHECKING:
    from redis import Redis

# Tells a lease of the store from one of this instance.
_SHARED = "shared:"
_NAMES = ("", SECOND, MINUTE, CONCURRENCY)
_QUOTA_NAMES = ("", DAY, MONTH)

# The algorithm of `limits.take`, on the store's clock. Leases whose holder died run out by themselves.
# KEYS: rates, leases, counts of the day, counts of the month. ARGV: requests a second, a minute, at a time (0: no
# limit), name and lifetime of the lease.
# Returns: index of the limit in the way, seconds to wait, seconds until each rate is full, running, characters used.
_ADMIT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 's', 'm')
local windows = {1, 60}
local full, after = {}, {}
local refused, wait = 0, 0
for i = 1, 2 do
  full[i] = math.min(math.max(tonumber(kept[i] or 0), now), now + windows[i])
  after[i] = full[i]
  local quota = tonumber(ARGV[i])
  if quota > 0 then
    after[i] = full[i] + windows[i] / quota
    local more = after[i] - windows[i] - now
    if more > 0.000001 and more > wait then refused, wait = i, more end
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local running = redis.call('ZCARD', KEYS[2])
local most = tonumber(ARGV[3])
if refused == 0 and most > 0 and running >= most then refused = 3 end
if refused == 0 then
  full = after
  running = running + 1
  redis.call('HSET', KEYS[1], 's', string.format('%.6f', full[1]), 'm', string.format('%.6f', full[2]))
  redis.call('EXPIRE', KEYS[1], 120)
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[5]), ARGV[4])
  redis.call('EXPIRE', KEYS[2], math.ceil(tonumber(ARGV[5])) + 60)
  redis.call('HINCRBY', KEYS[3], 'r', 1)
  redis.call('EXPIRE', KEYS[3], 172800)
  redis.call('HINCRBY', KEYS[4], 'r', 1)
  redis.call('EXPIRE', KEYS[4], 5356800)
end
local function seconds(value) return string.format('%.6f', value) end
return {refused, seconds(wait), seconds(full[1] - now), seconds(full[2] - now), running,
  redis.call('HGET', KEYS[3], 'c') or 0, redis.call('HGET', KEYS[4], 'c') or 0}
"""
# KEYS: counts of the day and of the month. ARGV: characters, bound of the day, of the month (0: none).
_CHARGE = """
local used = {}
local refused = 0
local wanted = tonumber(ARGV[1])
for i = 1, 2 do
  used[i] = tonumber(redis.call('HGET', KEYS[i], 'c') or 0)
  local quota = tonumber(ARGV[i + 1])
  if quota > 0 and used[i] + wanted > quota then refused = i end
end
if refused == 0 then
  for i = 1, 2 do
    used[i] = redis.call('HINCRBY', KEYS[i], 'c', ARGV[1])
    redis.call('EXPIRE', KEYS[i], ({172800, 5356800})[i])
  end
end
return {refused, used[1], used[2]}
"""
_SHA = {script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (_ADMIT, _CHARGE)}


class SharedLimiter:
    """A `Limiter` over all instances that use the same store.

    Args:
        link: to the store.
        local: counts while the link is down.
        prefix: of the names in the store.
        lease_s: time after which a request that never ended is forgotten.
    """

    def __init__(
        self,
        link: RedisLink,
        local: Limiter,
        *,
        prefix: str,
        lease_s: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._local = local
        self._prefix = prefix
        self._lease_s = lease_s
        self._wall = wall

    def admit(self, key: Key) -> Verdict:
        """Count a request, or refuse it and count nothing."""
        limits, when = key.limits, period(self._wall())
        lease = os.urandom(8).hex()
        arguments = (
            limits.requests_per_second or 0,
            limits.requests_per_minute or 0,
            limits.concurrency or 0,
            lease,
            self._lease_s,
        )
        try:
            found = self._run(_ADMIT, self._names(key.id, when), arguments)
        except LinkDown:
            return self._local.admit(key)
        refused, wait_s, second_s, minute_s, running, day_used, month_used = (float(item) for item in found)
        name = _NAMES[int(refused)]
        standings = admitted_standings(limits, {SECOND: second_s, MINUTE: minute_s}, int(running), 0.0)
        standings += quota_standings(limits, int(day_used), int(month_used), when)
        retry_after_s = CONCURRENCY_RETRY_S if name == CONCURRENCY else wait_s
        return verdict(standings, name, retry_after_s, "" if name else _SHARED + lease)

    def release(self, key_id: str, lease: str) -> None:
        """Give a place back."""
        if not lease.startswith(_SHARED):
            self._local.release(key_id, lease)
            return
        name = self._names(key_id, period(self._wall()))[1]
        with contextlib.suppress(LinkDown):  # it runs out by itself
            self._link.call(lambda redis: redis.zrem(name, lease.removeprefix(_SHARED)))

    def charge(self, key: Key, characters: int) -> Verdict:
        """Count characters, or refuse them and count nothing."""
        limits, when = key.limits, period(self._wall())
        try:
            refused, day_used, month_used = self._charge(key.id, characters, limits, when)
        except LinkDown:
            return self._local.charge(key, characters)
        standings = quota_standings(limits, day_used, month_used, when)
        name = _QUOTA_NAMES[refused]
        retry_after_s = {"": 0.0, DAY: when.day_left_s, MONTH: when.month_left_s}[name]
        return verdict(standings, name, retry_after_s)

    def refund(self, key_id: str, characters: int) -> None:
        """Take characters back."""
        try:
            self._charge(key_id, -characters, Limits(), period(self._wall()))
        except LinkDown:
            self._local.refund(key_id, characters)

    def used(self, key_id: str) -> Used:
        """What has been counted in the store; what this instance counted meanwhile is not in it."""
        _, leases, day, month = self._names(key_id, period(self._wall()))
        try:
            found = self._link.call(lambda redis: _read(redis, leases, day, month))
        except LinkDown:
            return self._local.used(key_id)
        return Used(*found)

    def close(self) -> None:
        """Give the local store back; the link is closed by its owner."""
        self._local.close()

    def _charge(self, key_id: str, characters: int, limits: Limits, when: Period) -> tuple[int, int, int]:
        names = self._names(key_id, when)[2:]
        bounds = (limits.characters_per_day or 0, limits.characters_per_month or 0)
        refused, day_used, month_used = (int(item) for item in self._run(_CHARGE, names, (characters, *bounds)))
        return refused, max(day_used, 0), max(month_used, 0)

    def _run(self, script: str, names: tuple[str, ...], arguments: tuple[object, ...]) -> list[Any]:
        return cast("list[Any]", self._link.call(lambda redis: _evaluate(redis, script, names, arguments)))

    def _names(self, key_id: str, when: Period) -> tuple[str, str, str, str]:
        # One slot of a cluster for all of a key's.
        base = f"{self._prefix}limits:{{{key_id}}}"
        return base, f"{base}:running", f"{base}:day:{when.day}", f"{base}:month:{when.month}"


def _evaluate(redis: Redis, script: str, names: tuple[str, ...], arguments: tuple[object, ...]) -> Any:
    from redis.exceptions import NoScriptError

    given: tuple[Any, ...] = (*names, *arguments)
    try:
        return redis.evalsha(_SHA[script], len(names), *given)
    except NoScriptError:
        return redis.eval(script, len(names), *given)


def _read(redis: Redis, leases: str, day: str, month: str) -> tuple[int, ...]:
    with redis.pipeline(transaction=False) as pipe:
        pipe.hmget(day, "r", "c")
        pipe.hmget(month, "r", "c")
        pipe.zcount(leases, time.time(), "+inf")
        of_day, of_month, running = pipe.execute()
    counts = (*of_day, *of_month)
    return (*(max(int(count or 0), 0) for count in counts), int(running))
