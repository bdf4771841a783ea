"""What jobs that are the same share: the computation, and for a while its result, bounded by size and age.

Kept in the model process, where every API process finds them. Its engines do not change while it lives, so none
can be out of date; results are the same in any company, so a kept one is what would be computed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cachetools import TTLCache

from service.observability import cache_metrics
from service.records import Job, Outcome, SummaryResult, Timing
from service.serving.inflight import shared_key
from service.serving.shared_results import SharedResults

# What an entry takes beside its texts, and each of its sentences: measured with tracemalloc, rounded up.
_ENTRY_BYTES = 600
_PART_BYTES = 100


class _Counted(TTLCache[bytes, Outcome]):
    def popitem(self) -> tuple[bytes, Outcome]:
        """Make room by the one that was used longest ago."""
        cache_metrics.evicted()
        return super().popitem()


class Results:
    """The most recently used results.

    Args:
        max_bytes: of all of them together, by estimate.
        max_age_s: after which one is forgotten.
    """

    def __init__(self, max_bytes: int, max_age_s: float) -> None:
        self._kept = _Counted(max_bytes, max_age_s, getsizeof=size_of)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: bytes) -> Outcome | None:
        """The outcome kept under a key, having waited for nothing; None when there is none."""
        return self._kept.get(key)

    def keep(self, key: bytes, outcome: Outcome) -> None:
        """Keep a result; errors are tried again, and what is larger than everything is not kept."""
        if outcome.result is None or not key or size_of(outcome) > self._kept.maxsize:
            return
        self._kept[key] = replace(outcome, timing=Timing())
        cache_metrics.holds(len(self._kept), self._kept.currsize)


def size_of(outcome: Outcome) -> int:
    """About how many bytes an outcome takes."""
    result = outcome.result
    if result is None:
        return _ENTRY_BYTES
    texts = (
        [sentence.text or "" for sentence in result.sentences]
        if isinstance(result, SummaryResult)
        else list(result.segments)
    )
    # Python keeps a text in 1, 2 or 4 bytes a character; UTF-8 is near enough to that for text of one script.
    return _ENTRY_BYTES + sum(_PART_BYTES + len(text.encode("utf-8", "surrogatepass")) for text in texts)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How identical jobs share.

    Attributes:
        orphan_grace_s: how long a computation is kept after its last caller hung up.
        coalesce: jobs in flight share one computation.
        results: what was finished before; None keeps nothing.
        across_callers: jobs of different callers share as well.
        elsewhere: results that other model processes finished; None asks nobody.
    """

    orphan_grace_s: float = 0.0
    coalesce: bool = False
    results: Results | None = None
    across_callers: bool = False
    elsewhere: SharedResults | None = None

    def key(self, job: Job, caller: str) -> bytes:
        """What a job shares under; empty when it shares with none."""
        return shared_key(job, "" if self.across_callers else caller) if self.coalesce else b""

    def kept(self, key: bytes) -> Outcome | None:
        """The outcome of an earlier job, if it is kept."""
        return self.results.find(key) if self.results is not None and key else None

    def keep(self, key: bytes, outcome: Outcome) -> None:
        """Keep an outcome for later jobs."""
        if self.results is not None:
            self.results.keep(key, outcome)
        if self.elsewhere is not None:
            self.elsewhere.keep(key, outcome)

    async def look_up(self, wanted: Mapping[bytes, Job]) -> dict[bytes, Outcome]:
        """Outcomes of earlier jobs: those kept here, and after a bounded wait those kept elsewhere."""
        found = {key: kept for key in wanted if (kept := self.kept(key)) is not None}
        if self.elsewhere is None:
            return found
        others = await self.elsewhere.find({key: job for key, job in wanted.items() if key and key not in found})
        if self.results is not None:
            for key, outcome in others.items():
                self.results.keep(key, outcome)
        return found | others

    def close(self) -> None:
        """Let go of what others share."""
        if self.elsewhere is not None:
            self.elsewhere.close()
