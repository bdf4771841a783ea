from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunRequest(_message.Message):
    __slots__ = ("request_id", "caller", "remaining_ms", "jobs")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: str
    remaining_ms: int
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[str] = ..., remaining_ms: _Optional[int] = ..., jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class RunReply(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class StreamReply(_message.Message):
    __slots__ = ("piece", "ended")
    PIECE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    piece: Piece
    ended: Ended
    def __init__(self, piece: _Optional[_Union[Piece, _Mapping]] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ...) -> None: ...

class Piece(_message.Message):
    __slots__ = ("job", "segment", "text", "replaces")
    JOB_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    job: int
    segment: int
    text: str
    replaces: bool
    def __init__(self, job: _Optional[int] = ..., segment: _Optional[int] = ..., text: _Optional[str] = ..., replaces: _Optional[bool] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ("job", "outcome")
    JOB_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    job: int
    outcome: Outcome
    def __init__(self, job: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("task", "engine", "source", "target", "texts", "paragraphs", "summary")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    PARAGRAPHS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    task: str
    engine: str
    source: str
    target: str
    texts: _containers.RepeatedScalarFieldContainer[str]
    paragraphs: _containers.RepeatedScalarFieldContainer[int]
    summary: SummaryParams
    def __init__(self, task: _Optional[str] = ..., engine: _Optional[str] = ..., source: _Optional[str] = ..., target: _Optional[str] = ..., texts: _Optional[_Iterable[str]] = ..., paragraphs: _Optional[_Iterable[int]] = ..., summary: _Optional[_Union[SummaryParams, _Mapping]] = ...) -> None: ...

class SummaryParams(_message.Message):
    __slots__ = ("title", "max_sentences", "likely_sentences", "attempt")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MAX_SENTENCES_FIELD_NUMBER: _ClassVar[int]
    LIKELY_SENTENCES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    title: str
    max_sentences: int
    likely_sentences: int
    attempt: int
    def __init__(self, title: _Optional[str] = ..., max_sentences: _Optional[int] = ..., likely_sentences: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("summary", "translation", "failure", "queue_ms", "model_ms", "input_tokens", "output_tokens", "revision", "digest")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MS_FIELD_NUMBER: _ClassVar[int]
    MODEL_MS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    summary: SummaryResult
    translation: TranslateResult
    failure: Failure
    queue_ms: float
    model_ms: float
    input_tokens: int
    output_tokens: int
    revision: str
    digest: str
    def __init__(self, summary: _Optional[_Union[SummaryResult, _Mapping]] = ..., translation: _Optional[_Union[TranslateResult, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., queue_ms: _Optional[float] = ..., model_ms: _Optional[float] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., revision: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class SummaryResult(_message.Message):
    __slots__ = ("sentences", "chunks", "checks", "condensed")
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    CONDENSED_FIELD_NUMBER: _ClassVar[int]
    sentences: _containers.RepeatedCompositeFieldContainer[SummarySentence]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    condensed: bool
    def __init__(self, sentences: _Optional[_Iterable[_Union[SummarySentence, _Mapping]]] = ..., chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ..., condensed: _Optional[bool] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("first", "start", "last", "end")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    first: int
    start: int
    last: int
    end: int
    def __init__(self, first: _Optional[int] = ..., start: _Optional[int] = ..., last: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("check", "action", "segment")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    check: str
    action: str
    segment: int
    def __init__(self, check: _Optional[str] = ..., action: _Optional[str] = ..., segment: _Optional[int] = ...) -> None: ...

class SummarySentence(_message.Message):
    __slots__ = ("text", "sources", "score", "chunk")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    text: str
    sources: _containers.RepeatedScalarFieldContainer[int]
    score: float
    chunk: int
    def __init__(self, text: _Optional[str] = ..., sources: _Optional[_Iterable[int]] = ..., score: _Optional[float] = ..., chunk: _Optional[int] = ...) -> None: ...

class TranslateResult(_message.Message):
    __slots__ = ("texts", "route", "unknown_words", "checks")
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_WORDS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    texts: _containers.RepeatedScalarFieldContainer[str]
    route: _containers.RepeatedScalarFieldContainer[str]
    unknown_words: int
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    def __init__(self, texts: _Optional[_Iterable[str]] = ..., route: _Optional[_Iterable[str]] = ..., unknown_words: _Optional[int] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "detail", "retry_after_ms", "supported")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    retry_after_ms: int
    supported: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., supported: _Optional[_Iterable[str]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("products",)
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    products: bool
    def __init__(self, products: _Optional[bool] = ...) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("models", "server_version", "missing", "replica")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    server_version: str
    missing: _containers.RepeatedScalarFieldContainer[str]
    replica: str
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ..., server_version: _Optional[str] = ..., missing: _Optional[_Iterable[str]] = ..., replica: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("id", "task", "revision", "digest", "quality", "rank", "licence", "languages", "directions", "missing", "sources", "targets")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: str
    revision: str
    digest: str
    quality: str
    rank: int
    licence: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    directions: _containers.RepeatedCompositeFieldContainer[Direction]
    missing: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    targets: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., task: _Optional[str] = ..., revision: _Optional[str] = ..., digest: _Optional[str] = ..., quality: _Optional[str] = ..., rank: _Optional[int] = ..., licence: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., directions: _Optional[_Iterable[_Union[Direction, _Mapping]]] = ..., missing: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ..., targets: _Optional[_Iterable[str]] = ...) -> None: ...

class Direction(_message.Message):
    __slots__ = ("source", "target", "route")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    route: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., route: _Optional[_Iterable[str]] = ...) -> None: ...
