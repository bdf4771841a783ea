"""Replies as server-sent events: how a task runs behind one."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import Response, request
from pydantic_core import to_json

from service import telemetry
from service.api import guards, idempotency, problems
from service.api.context import Call, services
from service.api.event_stream import CONTENT_TYPE, ENVIRON_KEY, EventStream
from service.api.kept_replies import Claim
from service.api.resource import current_call
from service.api.stream_slots import Streams
from service.api.work import Done
from service.errors import Overloaded, PrecisError
from service.pipeline.progress import Progress
from service.records import CallContext

Task = Callable[[CallContext, Progress], Done]


def respond(task: Task, telling: Callable[[EventStream], Progress]) -> Response:
    """Run a task on a thread of its own, and answer with what it tells.

    Args:
        task: a request that is checked already.
        telling: makes the events of what the task tells.
    Raises:
        Overloaded: as many streams are open as may be.
        PrecisError: the task was refused or has failed before anything was told.
    """
    serving, call, context = services(), current_call(), guards.call_context()
    serving.streams.enter()
    claim = idempotency.take_claim()
    stream = EventStream(
        serving.settings.stream_keepalive_s, context.gone, records=idempotency.MOST_KEPT_BYTES if claim else 0
    )
    worker = _Worker(stream, call, serving.streams, claim)
    # The thread sees the caller of this request and writes its id into the log.
    run = contextvars.copy_context().run
    work = (run, worker.run, task, replace(context, gone=stream.gone), telling(stream))
    try:
        threading.Thread(target=work[0], args=work[1:], name="stream", daemon=True).start()
    except RuntimeError:
        worker.end(refused := Overloaded("no thread can be started for this stream", retry_after_s=1))
        raise refused from None
    stream.begin()
    request.environ[ENVIRON_KEY] = stream
    response = Response(stream, content_type=CONTENT_TYPE)
    response.headers["X-Accel-Buffering"] = "no"
    return response


@dataclass(frozen=True, slots=True)
class _Worker:
    """One task behind a stream; `claim` is that of its `Idempotency-Key`."""

    stream: EventStream
    call: Call
    slots: Streams
    claim: Claim | None

    def run(self, task: Task, context: CallContext, progress: Progress) -> None:
        """Do the task and end the stream, whatever happens."""
        error: PrecisError | None = None
        unexpected: Exception | None = None
        whole = False
        try:
            done = task(context, progress)
            done.note(self.call)
            whole = True
            self.stream.tell("result", b'{"result":' + done.body + b"}")
        except PrecisError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - told to the caller, whatever it is
            error, unexpected = problems.INTERNAL, raised
        self.end(error, whole=whole)
        if unexpected is not None:
            telemetry.logger().error("unexpected failure", exc_info=unexpected)

    def end(self, error: PrecisError | None, *, whole: bool = False) -> None:
        """End the stream; `whole`: there is a result, even if the caller has gone before it came."""
        if self.claim is not None:
            transcript = self.stream.transcript if whole else None
            if transcript is None:
                self.claim.drop()
            else:
                idempotency.keep(self.claim, 200, CONTENT_TYPE, transcript)
        self.stream.end(error, self._problem, self._ended)

    def _problem(self, error: PrecisError) -> bytes:
        return to_json({"error": problems.problem_object(error, self.call.request_id)})

    def _ended(self, error: PrecisError | None) -> None:
        self.call.code = "ok" if error is None else error.code
        self.slots.leave(self.call.code)
