"""Puts together what the API knows of its callers: keys, limits and kept replies, here or shared by all instances."""

from __future__ import annotations

from dataclasses import dataclass

from service.api import access_metrics
from service.api.access import Access, ring_of
from service.api.kept_redis import RedisStore
from service.api.kept_replies import FileStore, Store
from service.api.keys import KeysError, digest_of
from service.api.limits import Limiter
from service.api.limits_local import LocalLimiter
from service.api.limits_redis import SharedLimiter
from service.config import Settings, SettingsError
from service.redis_link import RedisLink

# Past the longest deadline, within which every request ends.
_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Callers:
    """What an app needs to know its callers.

    Attributes:
        access: keys and limits, or None where the service is open to all.
        replies: kept for their `Idempotency-Key`.
        link: to the shared store, or None.
    """

    access: Access | None
    replies: Store
    link: RedisLink | None = None

    def close(self) -> None:
        """Give back what is held."""
        if self.access is not None:
            self.access.limiter.close()
        self.replies.close()
        if self.link is not None:
            self.link.close()


def callers_of(settings: Settings, own_key: str | None = None) -> Callers:
    """Keys, limits and kept replies as the settings want them.

    Args:
        settings: of this instance.
        own_key: the supervisor's own, or None.
    Raises:
        SettingsError: the file of keys cannot be used, or the shared store needs a package that is not installed.
    """
    try:
        ring = ring_of(settings)
    except KeysError as error:
        raise SettingsError(f"PRECIS_KEYS_FILE: {settings.keys_file} {error}") from None
    link = _link(settings)
    lease_s = settings.max_deadline_s + _MARGIN_S
    replies: Store = FileStore(
        settings.run_folder / "replies",
        ttl_s=settings.idempotency_ttl_s,
        max_bytes=settings.idempotency_max_mb * 1024 * 1024,
    )
    if link is not None:
        replies = RedisStore(
            link, replies, prefix=settings.redis_prefix, ttl_s=settings.idempotency_ttl_s, claim_s=lease_s
        )
    if ring is None:
        return Callers(None, replies, link)
    limiter: Limiter = LocalLimiter(settings.run_folder / "limits")
    if link is not None:
        limiter = SharedLimiter(link, limiter, prefix=settings.redis_prefix, lease_s=lease_s)
    return Callers(Access(ring, limiter, digest_of(own_key) if own_key else None), replies, link)


def _link(settings: Settings) -> RedisLink | None:
    if not settings.redis_url:
        return None
    try:
        return RedisLink(
            settings.redis_url,
            settings.redis_password_file,
            timeout_s=settings.redis_timeout_s,
            told=access_metrics.redis_up,
        )
    except ImportError:
        raise SettingsError("PRECIS_REDIS_URL: the Python package `redis` is not installed") from None
