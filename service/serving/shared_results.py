"""Results that other model processes finished, in Redis or Valkey; one that is slow, gone or full of lies costs little.

Nobody waits for it longer than for one call, and after a failure nobody asks it for a while. What it answers is a
stranger's: of bounded size, bound to its name by a keyed checksum, parsed in full and held against the job, or dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from service.config import Settings, SettingsError
from service.observability import shared_metrics
from service.records import Job, ModelInfo, Outcome, SummaryResult, Task, Timing, TranslateResult
from service.redis_link import LinkDown, RedisLink
from service.serving import codec
from service.serving.proto import model_pb2 as pb
from service.version import VERSION

log = logging.getLogger(__name__)

# Raised when what a value means changes.
_FORMAT = b"1"
_MAC_BYTES = 16
# A summary or the translation of a page is a few kilobytes; what is larger is made again.
MOST_BYTES = 256 * 1024
MOST_PLAIN_BYTES = 4 * 1024 * 1024
_THREADS = 2
_MOST_WAITING = 64
_FIRST_PAUSE_S, _LAST_PAUSE_S = 1.0, 30.0


def open_store(settings: Settings, models: Sequence[ModelInfo]) -> SharedResults:
    """The store that the settings name, for a process that has loaded these models.

    Raises:
        SettingsError: none is named, or the client library is not installed.
    """
    if not settings.redis_url:
        raise SettingsError("PRECIS_CACHE_REDIS: set PRECIS_REDIS_URL as well")
    wait_s = settings.redis_timeout_s
    try:
        link = RedisLink(
            settings.redis_url, settings.redis_password_file, timeout_s=wait_s, told=shared_metrics.store_up
        )
    except ImportError:
        raise SettingsError("PRECIS_REDIS_URL: the Python package `redis` is not installed") from None
    secret = settings.redis_password_file.read_bytes() if settings.redis_password_file else b""
    ways = (
        settings.device,
        settings.precision,
        settings.remote_model,
        settings.remote_extra_json,
        str(settings.remote_chunk_characters),
    )
    return SharedResults(
        link,
        prefix=settings.redis_prefix,
        ttl_s=settings.cache_age_s,
        wait_s=wait_s,
        stamp=stamp_of(models, ways),
        secret=secret,
    )


def stamp_of(models: Sequence[ModelInfo], ways: Sequence[str] = ()) -> bytes:
    """What decides results besides the job: this release, the models loaded with their digests, how they are run."""
    told = sorted((model.id, model.revision, model.digest) for model in models)
    return hashlib.blake2b(repr((VERSION, told, tuple(ways))).encode(), digest_size=16).digest()


class SharedResults:
    """Results by the keys of `Sharing`, kept by and for all processes with the same stamp.

    Args:
        link: to the store; closed with this.
        prefix: of names in the store.
        ttl_s: how long a result is kept there.
        wait_s: how long a caller waits for an answer.
        stamp: of `stamp_of`.
        secret: keys the checksums, so that only who knows it can make a value; empty guards against accidents only.
    """

    def __init__(
        self, link: RedisLink, *, prefix: str, ttl_s: float, wait_s: float, stamp: bytes, secret: bytes = b""
    ) -> None:
        self._link = link
        self._prefix = prefix
        self._ttl_ms = max(1, int(ttl_s * 1000))
        self._wait_s = wait_s
        self._stamp = stamp
        self._mac_key = hashlib.blake2b(secret, digest_size=32, person=b"precis-results").digest()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="shared-results")
        self._lock = threading.Lock()
        self._waiting = 0
        self._pause_s = _FIRST_PAUSE_S
        self._ask_again_s = 0.0

    async def find(self, wanted: Mapping[bytes, Job]) -> dict[bytes, Outcome]:
        """Those of the results wanted that are there, after at most `wait_s`."""
        if not wanted or not self._begin():
            return {}
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._asked, dict(wanted))
        try:
            return await asyncio.wait_for(work, self._wait_s)
        except TimeoutError:
            self._failed()
            return {}

    def keep(self, key: bytes, outcome: Outcome) -> None:
        """Give a result to the others, on a thread of its own; errors, and what is too large, are not given."""
        if not key or outcome.result is None or not self._begin():
            return
        self._pool.submit(self._put, key, outcome)

    def close(self) -> None:
        """End the connections and threads; what is still to be kept is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._link.close()

    def _begin(self) -> bool:
        """Whether the store may be asked now; counts the one who does."""
        with self._lock:
            if time.monotonic() < self._ask_again_s or self._waiting >= _MOST_WAITING:
                return False
            self._waiting += 1
        return True

    def _failed(self) -> None:
        with self._lock:
            now_s = time.monotonic()
            if now_s >= self._ask_again_s:
                self._ask_again_s = now_s + self._pause_s
                self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
        shared_metrics.count("failed")

    # ---- on threads of the pool --------------------------------------------------------------------------------------

    def _work(self, work: Any) -> Any:
        """Use the store; None when it fails."""
        try:
            started_s = time.monotonic()
            result = self._link.call(work)
            if time.monotonic() - started_s <= self._wait_s:
                with self._lock:
                    self._pause_s = _FIRST_PAUSE_S
            return result
        except LinkDown:
            self._failed()
        except Exception:  # the client library on bytes that are no protocol: whatever it raises, it is no result
            log.exception("the shared store answers nonsense")
            self._failed()
        finally:
            with self._lock:
                self._waiting -= 1
        return None

    def _asked(self, wanted: dict[bytes, Job]) -> dict[bytes, Outcome]:
        values = self._work(partial(_fetch, names=[self._name(key) for key in wanted]))
        if values is None:
            return {}
        found = {}
        for (key, job), value in zip(wanted.items(), values, strict=True):
            outcome = self._unpack(key, job, value) if isinstance(value, bytes) and value else None
            shared_metrics.count("found" if outcome else "refused" if value else "missed")
            if outcome is not None:
                found[key] = outcome
        return found

    def _put(self, key: bytes, outcome: Outcome) -> None:
        value = self._pack(key, outcome)
        if value is None:
            with self._lock:
                self._waiting -= 1
            shared_metrics.count("too_large")
        elif self._work(lambda redis: redis.set(self._name(key), value, px=self._ttl_ms)):
            shared_metrics.count("kept")

    # ---- values ------------------------------------------------------------------------------------------------------

    def _name(self, key: bytes) -> str:
        return f"{self._prefix}result:{hashlib.blake2b(self._stamp + key, digest_size=20).hexdigest()}"

    def _mac(self, key: bytes, packed: bytes) -> bytes:
        whole = _FORMAT + self._stamp + key + packed
        return hashlib.blake2b(whole, key=self._mac_key, digest_size=_MAC_BYTES).digest()

    def _pack(self, key: bytes, outcome: Outcome) -> bytes | None:
        plain = codec.outcome_to_message(replace(outcome, timing=Timing())).SerializeToString()
        packed = zlib.compress(plain, 1)
        if len(plain) > MOST_PLAIN_BYTES or len(packed) + _MAC_BYTES > MOST_BYTES:
            return None
        return self._mac(key, packed) + packed

    def _unpack(self, key: bytes, job: Job, value: bytes) -> Outcome | None:
        mac, packed = value[:_MAC_BYTES], value[_MAC_BYTES:]
        if len(value) > MOST_BYTES or not hmac.compare_digest(mac, self._mac(key, packed)):
            return None
        try:
            inflate = zlib.decompressobj()
            plain = inflate.decompress(packed, MOST_PLAIN_BYTES)
            if not inflate.eof:
                return None
            outcome = codec.outcome_from_message(pb.Outcome.FromString(plain))
        except (zlib.error, DecodeError, ValueError):
            return None
        return outcome if _fits(job, outcome) else None


def _fetch(redis: Any, names: Sequence[str]) -> list[Any]:
    """The first `MOST_BYTES` of each value and one more; an error in the place of what is no text."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.getrange(name, 0, MOST_BYTES)
    values: list[Any] = pipeline.execute(raise_on_error=False)
    return values


def _fits(job: Job, outcome: Outcome) -> bool:
    """Whether an outcome can be one of this job."""
    result = outcome.result
    if isinstance(result, TranslateResult):
        return job.task is Task.TRANSLATE and len(result.segments) == len(job.segments)
    if not isinstance(result, SummaryResult) or job.task is not Task.SUMMARIZE:
        return False
    within = range(len(job.segments))
    return all(
        all(source in within for source in sentence.sources)
        and (sentence.text is not None or len(sentence.sources) == 1)
        for sentence in result.sentences
    ) and all(chunk.first in within and chunk.last in within for chunk in result.chunks)
