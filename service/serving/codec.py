"""Records to messages of `model.proto` and back. A peer of another release may leave fields out or add some."""

from __future__ import annotations

from collections.abc import Sequence

from service import errors
from service.events import Ended, Event, Piece
from service.records import (
    Catalogue,
    Check,
    Chunk,
    Direction,
    Job,
    ModelInfo,
    Outcome,
    Segment,
    SummaryParams,
    SummaryResult,
    SummarySentence,
    Task,
    Timing,
    TranslateResult,
    Usage,
)
from service.serving.proto import model_pb2 as pb

# Both ends of the line take messages up to this size.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


def job_to_message(job: Job) -> pb.Job:
    """Encode a job. Paragraph numbers are left out when all are 0."""
    message = pb.Job(
        task=job.task.value,
        engine=job.engine,
        source=job.source,
        target=job.target,
        texts=[segment.text for segment in job.segments],
    )
    if any(segment.paragraph for segment in job.segments):
        message.paragraphs.extend(segment.paragraph for segment in job.segments)
    if job.task is Task.SUMMARIZE:
        message.summary.title = job.summary.title
        message.summary.max_sentences = job.summary.max_sentences
        message.summary.likely_sentences = job.summary.likely_sentences
        message.summary.attempt = job.summary.attempt
    return message


def job_from_message(message: pb.Job) -> Job:
    """Decode a job.

    Raises:
        BadRequest: a task this release does not know.
    """
    try:
        task = Task(message.task)
    except ValueError:
        raise errors.BadRequest("the model process does not know this task yet") from None
    paragraphs = message.paragraphs or [0] * len(message.texts)
    params = SummaryParams()
    if message.HasField("summary"):
        most = message.summary.max_sentences or params.max_sentences
        params = SummaryParams(message.summary.title, most, message.summary.likely_sentences, message.summary.attempt)
    return Job(
        task,
        message.engine,
        message.source,
        message.target,
        tuple(map(Segment, message.texts, paragraphs)),
        params,
    )


def outcome_to_message(outcome: Outcome) -> pb.Outcome:
    """Encode how a job ended."""
    message = pb.Outcome(
        queue_ms=outcome.timing.queue_ms,
        model_ms=outcome.timing.model_ms,
        input_tokens=outcome.usage.input_tokens,
        output_tokens=outcome.usage.output_tokens,
    )
    if outcome.error is not None:
        message.failure.CopyFrom(failure_to_message(outcome.error))
    elif isinstance(outcome.result, SummaryResult):
        message.summary.SetInParent()
        for sentence in outcome.result.sentences:
            message.summary.sentences.add(
                text=sentence.text, sources=sentence.sources, score=sentence.score, chunk=sentence.chunk
            )
        for chunk in outcome.result.chunks:
            message.summary.chunks.add(first=chunk.first, start=chunk.start, last=chunk.last, end=chunk.end)
        message.summary.condensed = outcome.result.condensed
        _add_checks(message.summary, outcome.result.checks)
    elif isinstance(outcome.result, TranslateResult):
        result = outcome.result
        message.translation.SetInParent()
        message.translation.texts.extend(result.segments)
        message.translation.route.extend(result.route)
        message.translation.unknown_words = result.unknown_words
        _add_checks(message.translation, result.checks)
    return message


def outcome_from_message(message: pb.Outcome) -> Outcome:
    """Decode how a job ended; an end this release does not know becomes an EngineFailed."""
    timing = Timing(message.queue_ms, message.model_ms)
    usage = Usage(message.input_tokens, message.output_tokens)
    model = (message.revision, message.digest)
    end = message.WhichOneof("end")
    if end == "summary":
        return Outcome(result=_summary_from(message.summary), timing=timing, usage=usage, model=model)
    if end == "translation":
        item = message.translation
        result = TranslateResult(tuple(item.texts), tuple(item.route), item.unknown_words, _checks(item))
        return Outcome(result=result, timing=timing, usage=usage, model=model)
    if end == "failure":
        return Outcome(error=failure_from_message(message.failure), timing=timing, usage=usage)
    return Outcome(error=errors.EngineFailed("the model process answered in a way this release does not know"))


def event_to_message(event: Event) -> pb.StreamReply:
    """Encode a piece of text or the end of a job."""
    if isinstance(event, Piece):
        piece = pb.Piece(job=event.job, segment=event.segment, text=event.text, replaces=event.replaces)
        return pb.StreamReply(piece=piece)
    return pb.StreamReply(ended=pb.Ended(job=event.job, outcome=outcome_to_message(event.outcome)))


def event_from_message(message: pb.StreamReply) -> Event | None:
    """Decode an event; None for one that this release does not know."""
    kind = message.WhichOneof("event")
    if kind == "piece":
        item = message.piece
        return Piece(item.job, item.segment, item.text, item.replaces)
    if kind == "ended":
        return Ended(message.ended.job, outcome_from_message(message.ended.outcome))
    return None


def _summary_from(message: pb.SummaryResult) -> SummaryResult:
    sentences = tuple(
        SummarySentence(item.text if item.HasField("text") else None, tuple(item.sources), item.score, item.chunk)
        for item in message.sentences
    )
    chunks = tuple(Chunk(item.first, item.start, item.last, item.end) for item in message.chunks)
    return SummaryResult(sentences, chunks, _checks(message), message.condensed)


def _add_checks(message: pb.SummaryResult | pb.TranslateResult, checks: Sequence[Check]) -> None:
    for check in checks:
        message.checks.add(check=check.check, action=check.action, segment=check.segment)


def _checks(message: pb.SummaryResult | pb.TranslateResult) -> tuple[Check, ...]:
    return tuple(Check(item.segment, item.check, item.action) for item in message.checks)


def failure_to_message(error: errors.PrecisError) -> pb.Failure:
    """Encode a failure."""
    return pb.Failure(
        code=error.code,
        detail=error.detail,
        retry_after_ms=round((error.retry_after_s or 0) * 1000),
        supported=error.supported,
    )


def failure_from_message(message: pb.Failure) -> errors.PrecisError:
    """Decode a failure."""
    return errors.from_code(
        message.code,
        message.detail,
        retry_after_s=message.retry_after_ms / 1000 or None,
        supported=tuple(message.supported),
    )


def spelled_out(model: ModelInfo) -> tuple[Direction, ...]:
    """Return the directions of a model one by one, however it names them."""
    pairs = ((source, target) for source in model.sources for target in model.targets if source != target)
    return (*model.directions, *(Direction(*pair, pair) for pair in pairs))


def catalogue_to_message(catalogue: Catalogue, *, products: bool = False) -> pb.DescribeReply:
    """Encode what is loaded.

    Args:
        catalogue: to encode.
        products: whether the reader understands `sources` and `targets`; for any other they become directions.
    """
    reply = pb.DescribeReply(server_version=catalogue.server_version, missing=catalogue.missing)
    for model in catalogue.models:
        message = reply.models.add(
            id=model.id,
            task=model.task.value,
            revision=model.revision,
            digest=model.digest,
            quality=model.quality,
            rank=model.rank,
            licence=model.licence,
            languages=model.languages,
            missing=model.missing,
        )
        if products:
            message.sources.extend(model.sources)
            message.targets.extend(model.targets)
        for item in model.directions if products else spelled_out(model):
            message.directions.add(source=item.source, target=item.target, route=item.route)
    return reply


def catalogue_from_message(reply: pb.DescribeReply) -> Catalogue:
    """Decode what is loaded; models for tasks this release does not know are left out."""
    known = {task.value for task in Task}
    models = tuple(
        ModelInfo(
            id=item.id,
            task=Task(item.task),
            revision=item.revision,
            digest=item.digest,
            quality=item.quality,
            rank=item.rank,
            licence=item.licence,
            languages=tuple(item.languages),
            directions=tuple(Direction(one.source, one.target, tuple(one.route)) for one in item.directions),
            missing=tuple(item.missing),
            sources=tuple(item.sources),
            targets=tuple(item.targets),
        )
        for item in reply.models
        if item.task in known
    )
    return Catalogue(models, reply.server_version, tuple(reply.missing))
