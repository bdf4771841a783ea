"""Replies kept for their `Idempotency-Key` in Redis or Valkey, for all instances."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from service.api.kept_replies import DONE, RUNNING, Claim, Kept, Store, Wait, pack, unpack
from service.errors import Unavailable
from service.redis_link import LinkDown, RedisLink

if TYPE_CHECKING:
    from redis import Redis

_POLL_S = 0.05
# One reply must not keep a connection busy for longer than a call may take.
_MOST_BYTES = 1024 * 1024
# Only while the name is still this claim's own.
_DROP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisStore:
    """A `Store` shared by all instances; a folder of this instance serves while the store does not answer.

    Args:
        link: to the store.
        local: used while the link is down.
        prefix: of the names in the store.
        ttl_s: how long a reply is kept.
        claim_s: time after which a claim whose holder died is free again.
    """

    def __init__(self, link: RedisLink, local: Store, *, prefix: str, ttl_s: float, claim_s: float) -> None:
        self._link = link
        self._local = local
        self._prefix = prefix
        self.ttl_ms = int(ttl_s * 1000)
        self._claim_ms = int(claim_s * 1000)

    def begin(self, name: bytes, fingerprint: bytes, wait: Wait) -> Claim | Kept:
        """As the protocol's."""
        where = f"{self._prefix}reply:{name.hex()}"
        # The time in it makes it this claim's own.
        mark = pack(RUNNING, fingerprint, now_s=time.time())
        try:
            while True:
                found = self._link.call(lambda redis: self._claim(redis, where, mark))
                if found is None:
                    return _RedisClaim(self._link, where, mark, fingerprint, self.ttl_ms)
                reply, _ = unpack(found, fingerprint)
                if reply is not None:
                    return reply
                wait.pause(_POLL_S)
        except LinkDown:
            return self._local.begin(name, fingerprint, wait)

    def close(self) -> None:
        """The link is closed by its owner."""
        self._local.close()

    def _claim(self, redis: Redis, where: str, mark: bytes) -> bytes | None:
        """None when the name is claimed now, else what is there."""
        while True:
            if redis.set(where, mark, nx=True, px=self._claim_ms):
                return None
            found: Any = redis.get(where)
            if found is not None:
                return bytes(found)


class _RedisClaim:
    def __init__(self, link: RedisLink, where: str, mark: bytes, fingerprint: bytes, ttl_ms: int) -> None:
        self._link = link
        self._where = where
        self._mark = mark
        self._fingerprint = fingerprint
        self._ttl_ms = ttl_ms

    def keep(self, reply: Kept) -> None:
        record = pack(DONE, self._fingerprint, reply)
        if len(record) > _MOST_BYTES:
            self.drop()
            return
        try:
            self._link.call(lambda redis: redis.set(self._where, record, px=self._ttl_ms))
        except LinkDown as error:
            raise Unavailable("the shared store failed while a reply was kept") from error

    def drop(self) -> None:
        with contextlib.suppress(LinkDown):  # the claim runs out by itself
            self._link.call(lambda redis: redis.eval(_DROP, 1, self._where, self._mark))
