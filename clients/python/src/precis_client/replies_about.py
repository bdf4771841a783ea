"""What the service says of itself, batches and jobs. See `replies`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, cast

from precis_client.decoding import Reply, decode
from precis_client.errors import InvalidReply
from precis_client.replies import DetectReply, ItemError, SummarizeReply, TranslateReply, _Outcome

Result: TypeAlias = SummarizeReply | TranslateReply | DetectReply
R = TypeVar("R")
ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Target(Reply):
    """A language that can be reached, how and with which model."""

    code: str
    engine: str = ""
    route: tuple[str, ...] = ()
    quality: str = ""


@dataclass(frozen=True, kw_only=True)
class LanguageEntry(Reply):
    """A language and what can be done with it now."""

    code: str
    name: str = ""
    native: str = ""
    direction: str = "ltr"
    detect: bool = False
    engines: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LanguagesReply(Reply):
    """Every language known; `missing` says what would add more."""

    languages: tuple[LanguageEntry, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Direction(Reply):
    """A translation direction and the languages it passes through."""

    source: str
    target: str
    route: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model(Reply):
    """A model that is loaded."""

    id: str
    task: str = ""
    revision: str = ""
    digest: str = ""
    quality: str = ""
    rank: int = 0
    licence: str = ""
    languages: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelsReply(Reply):
    """Every model loaded, best rank first."""

    models: tuple[Model, ...]


@dataclass(frozen=True, kw_only=True)
class Counts(Reply):
    """Counted in the running day and in the running month, in UTC."""

    day: int = 0
    month: int = 0


@dataclass(frozen=True, kw_only=True)
class KeyLimits(Reply):
    """The limits of the key; None is without limit."""

    requests_per_second: int | None = None
    requests_per_minute: int | None = None
    concurrency: int | None = None
    characters_per_day: int | None = None
    characters_per_month: int | None = None


@dataclass(frozen=True, kw_only=True)
class UsageReply(Reply):
    """What your key has used and may use."""

    key: str
    requests: Counts = Counts()
    characters: Counts = Counts()
    running: int = 0
    limits: KeyLimits = KeyLimits()
    scopes: tuple[str, ...] = ()
    expires: datetime | None = None


# ---- many items -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ItemResult(_Outcome):
    """One item of a batch or of a job: the reply that its own endpoint would give, or why it failed (`error`)."""

    index: int = 0
    id: str | None = None
    result: Any = None
    """`SummarizeReply`, `TranslateReply` or `DetectReply`; None where it failed."""

    @property
    def summary(self) -> SummarizeReply:
        """The result, of an item that is a summary. Raises what made it fail, or TypeError where it is none."""
        return self._of(SummarizeReply)

    @property
    def translation(self) -> TranslateReply:
        """The result, of an item that is a translation. Raises what made it fail, or TypeError where it is none."""
        return self._of(TranslateReply)

    @property
    def detection(self) -> DetectReply:
        """The result, of an item that is a detection. Raises what made it fail, or TypeError where it is none."""
        return self._of(DetectReply)

    def _of(self, kind: type[R]) -> R:
        if self.error is not None:
            raise self.error.exception()
        if not isinstance(self.result, kind):
            raise TypeError(f"item {self.index} is a {type(self.result).__name__}")
        return self.result


@dataclass(frozen=True, kw_only=True)
class BatchReply(Reply):
    """One result an item, in order."""

    results: tuple[ItemResult, ...]


@dataclass(frozen=True, kw_only=True)
class Progress(Reply):
    """Items done, those of them that failed, and all."""

    done: int = 0
    failed: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class WebhookState(Reply):
    """Where the end of a job is told, and whether it has been."""

    url: str
    state: str = "pending"
    attempts: int = 0


@dataclass(frozen=True, kw_only=True)
class Job(Reply):
    """A job. `state` is `queued`, `running`, `succeeded`, `failed` or `cancelled`."""

    id: str
    state: str
    progress: Progress = Progress()
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    results_url: str = ""
    webhook: WebhookState | None = None
    error: ItemError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class JobList(Reply):
    """Jobs, newest first; `next` is what `before` takes for the older ones."""

    jobs: tuple[Job, ...]
    next: Any = None


@dataclass(frozen=True, kw_only=True)
class JobResults(Reply):
    """A page of results in item order; `next` is what `after` takes; `complete` when no more will come."""

    results: tuple[ItemResult, ...]
    next: Any = None
    complete: bool = False


def decode_items(kind: type[Any], value: object) -> Any:
    """A reply that holds `results`, each with its own kind of result."""
    made = decode(kind, value)
    for one in made.results:
        # Frozen for callers; the raw result is replaced before they see it.
        object.__setattr__(one, "result", _result(one.result, f"results[{one.index}].result"))
    return made


def _result(value: object, where: str) -> Result | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidReply(f"the reply's `{where}` is not an object")
    for key, kind in (("summary", SummarizeReply), ("translations", TranslateReply), ("results", DetectReply)):
        if key in value:
            return cast(Result, decode(kind, value, where))
    raise InvalidReply(f"the reply's `{where}` is neither a summary nor a translation nor a detection")
