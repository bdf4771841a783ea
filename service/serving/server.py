"""The gRPC face of the model process: decodes, dispatches, encodes; no decisions of its own.

Health follows the gRPC health protocol: SERVING means loaded, warmed and not draining.
"""

from __future__ import annotations

import contextlib
import logging
import math
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from service import telemetry
from service.errors import BadRequest, Draining, Overloaded, PrecisError, Unavailable
from service.events import Ended
from service.observability import tracing
from service.observability.call_metrics import SERVICE
from service.records import Job, ModelInfo, Outcome
from service.serving import accounts, codec
from service.serving.dispatcher import Dispatcher
from service.serving.proto import model_pb2 as pb

log = logging.getLogger(__name__)

# Without a limit from the client, no call outlives this.
DEFAULT_REMAINING_S = 300.0

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", codec.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", codec.MAX_MESSAGE_BYTES),
    # Clients look their replicas up again when a connection ends, so connections must end now and then: a replica
    # that was added is found within this time. Calls under way finish on the old connection.
    ("grpc.max_connection_age_ms", 30_000),
    ("grpc.max_connection_age_grace_ms", 600_000),
    # Clients ping to notice a process that hangs; a client's machine that is gone frees its rows.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.so_reuseport", 0),
]


class ModelServer:
    """Serves a dispatcher at one address.

    Args:
        listen: `unix:PATH` or `HOST:PORT` (port 0 picks a free one).
        slow_s: time of a job after which it is logged as slow.
    """

    def __init__(self, listen: str, slow_s: float = math.inf) -> None:
        self._slow_s = slow_s
        self._dispatcher: Dispatcher | None = None
        self._replica = uuid.uuid4().hex
        self._made_by: dict[str, ModelInfo] = {}
        self._server = grpc.aio.server(options=OPTIONS)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        handlers = {
            "Run": grpc.unary_unary_rpc_method_handler(
                self._run,
                request_deserializer=pb.RunRequest.FromString,
                response_serializer=pb.RunReply.SerializeToString,
            ),
            "Stream": grpc.unary_stream_rpc_method_handler(
                self._stream,
                request_deserializer=pb.RunRequest.FromString,
                response_serializer=pb.StreamReply.SerializeToString,
            ),
            "Describe": grpc.unary_unary_rpc_method_handler(
                self._describe,
                request_deserializer=pb.DescribeRequest.FromString,
                response_serializer=pb.DescribeReply.SerializeToString,
            ),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port(listen)

    async def start(self) -> None:
        """Listen; health says NOT_SERVING until `ready`."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def ready(self, dispatcher: Dispatcher) -> None:
        """Serve this dispatcher from now on."""
        self._made_by = {model.id: model for model in dispatcher.catalogue.models}
        self._dispatcher = dispatcher
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def unready(self) -> None:
        """Say NOT_SERVING, so that balancers turn away; calls are still answered."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those under way finish for `grace_s`, then end them."""
        await self._server.stop(grace_s)

    async def _set_health(self, status: int) -> None:
        for name in ("", SERVICE):
            await self._health.set(name, status)

    async def _run(self, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> Any:
        with _traced("Run", request, context):
            return await self._answer(request, context)

    async def _answer(self, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> Any:
        dispatcher = await self._serving(request, context)
        known, outcomes = _jobs(request)
        if known:
            try:
                done = await dispatcher.run(
                    [job for _, job in known],
                    caller=request.caller,
                    remaining_s=_remaining_s(request),
                    request=request.request_id,
                )
            except PrecisError as error:
                return await self._refuse(context, error)
            for (index, job), outcome in zip(known, done, strict=True):
                outcomes[index] = outcome
                accounts.note(job, outcome, self._slow_s)
        return pb.RunReply(outcomes=[self._stamped(outcomes[index], request.jobs[index]) for index in sorted(outcomes)])

    async def _stream(self, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.StreamReply]:
        with _traced("Stream", request, context):
            async with contextlib.aclosing(self._tell(request, context)) as messages:
                async for message in messages:
                    yield message

    async def _tell(self, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> AsyncGenerator[pb.StreamReply]:
        dispatcher = await self._serving(request, context)
        known, outcomes = _jobs(request)
        for index, outcome in outcomes.items():
            yield pb.StreamReply(ended=pb.Ended(job=index, outcome=self._stamped(outcome, request.jobs[index])))
        if not known:
            return
        events = dispatcher.stream(
            [job for _, job in known],
            caller=request.caller,
            remaining_s=_remaining_s(request),
            request=request.request_id,
        )
        async with contextlib.aclosing(events):
            try:
                async for event in events:
                    if isinstance(event, Ended):
                        accounts.note(known[event.job][1], event.outcome, self._slow_s)
                    message = codec.event_to_message(replace(event, job=known[event.job][0]))
                    if message.HasField("ended"):
                        self._stamp(message.ended.outcome, request.jobs[message.ended.job])
                    yield message
            except PrecisError as error:
                await self._refuse(context, error)

    async def _serving(self, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> Dispatcher:
        """The dispatcher; ends the call when there is none yet, or nothing to do."""
        if self._dispatcher is None:
            await self._refuse(context, Draining("the model process is starting", retry_after_s=1.0))
        elif not request.jobs:
            await self._refuse(context, BadRequest("no jobs"))
        return cast(Dispatcher, self._dispatcher)

    async def _describe(self, request: pb.DescribeRequest, context: grpc.aio.ServicerContext) -> Any:
        if self._dispatcher is None:
            return await self._refuse(context, Draining("the model process is starting", retry_after_s=1.0))
        reply = codec.catalogue_to_message(self._dispatcher.catalogue, products=request.products)
        reply.replica = self._replica
        return reply

    def _stamped(self, outcome: Outcome, job: pb.Job) -> pb.Outcome:
        message = codec.outcome_to_message(outcome)
        self._stamp(message, job)
        return message

    def _stamp(self, message: pb.Outcome, job: pb.Job) -> None:
        """Say which model made it: a reader's catalogue may be another replica's."""
        model = self._made_by.get(job.engine)
        if model is not None and message.WhichOneof("end") != "failure":
            message.revision, message.digest = model.revision, model.digest

    async def _refuse(self, context: grpc.aio.ServicerContext, error: PrecisError) -> Any:
        """End a call with a status; the code of our own list travels in the trailing metadata."""
        status = grpc.StatusCode.INVALID_ARGUMENT
        if isinstance(error, Overloaded):
            status = grpc.StatusCode.RESOURCE_EXHAUSTED
        elif isinstance(error, Draining | Unavailable):
            status = grpc.StatusCode.UNAVAILABLE
        metadata = (
            ("precis-code", error.code),
            ("retry-after-ms", str(round((error.retry_after_s or 0) * 1000))),
            ("precis-replica", self._replica),
        )
        await context.abort(status, error.detail, metadata)


def _traced(method: str, request: pb.RunRequest, context: grpc.aio.ServicerContext) -> tracing.Span:
    """The span of a call; from here on the lines of its task carry the ids of its caller's request."""
    span = tracing.span(
        f"{SERVICE}/{method}",
        {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": method, "precis.request_id": request.request_id},
        kind=tracing.SERVER,
        carrier=tracing.incoming(context.invocation_metadata()) if tracing.on() else {},
    )
    telemetry.bind_request(request.request_id, span.ids())
    return span


def _jobs(request: pb.RunRequest) -> tuple[list[tuple[int, Job]], dict[int, Outcome]]:
    """The jobs of a request with their places, and the outcomes of those that this release does not know."""
    jobs: list[tuple[int, Job]] = []
    refused: dict[int, Outcome] = {}
    for index, message in enumerate(request.jobs):
        try:
            jobs.append((index, codec.job_from_message(message)))
        except PrecisError as error:
            refused[index] = Outcome(error=error)
    return jobs, refused


def _remaining_s(request: pb.RunRequest) -> float:
    return request.remaining_ms / 1000 or DEFAULT_REMAINING_S
