"""The API's side of the process line: one blocking call per request, cancelled when its caller has gone."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc

from service import errors
from service.events import Ended, Event
from service.records import CallContext, Catalogue, Job, Outcome
from service.serving import codec
from service.serving.following import POLL_S, followed
from service.serving.proto import model_pb2 as pb

# The server answers at the deadline with what it has; only a server that hangs is cut off by the client.
SLACK_S = 0.5
CATALOGUE_TTL_S = 3.0
DESCRIBE_TIMEOUT_S = 2.0

_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}]}'
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", codec.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", codec.MAX_MESSAGE_BYTES),
    ("grpc.service_config", _SERVICE_CONFIG),
    # A model process that restarts is found again within a second; the default would wait for many.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
]


class _OlderPeer(errors.EngineFailed):
    """A model process of a release that does not stream yet."""


class Client:
    """A Backend that reaches the model process over gRPC.

    Safe to make before a fork: the channel is opened at first use in each process.

    Args:
        target: gRPC target: `unix:PATH`, `HOST:PORT`, `dns:///NAME:PORT`, `ipv4:A:P,B:P`.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        # One other replica is tried only where there can be one.
        self._attempts = 2 if target.startswith("dns:") or "," in target else 1
        self._lock = threading.Lock()
        self._pid = 0
        self._closed = False
        self._channel: Any = None
        self._run: Any = None
        self._stream: Any = None
        self._describe: Any = None
        self._catalogue: Catalogue | None = None
        self._catalogue_s = 0.0
        self._refreshing = threading.Lock()

    def run(self, jobs: Sequence[Job], context: CallContext) -> list[Outcome]:
        """See Backend.run."""
        self._connect()
        request = _request(jobs, context)
        for attempt in range(1, self._attempts + 1):
            remaining_s = _time_left(request, context)
            try:
                reply = self._call(request, remaining_s + SLACK_S, context.gone)
                break
            except (errors.Overloaded, errors.Unavailable, errors.Draining):
                if attempt == self._attempts:
                    raise
        outcomes = [codec.outcome_from_message(message) for message in reply.outcomes]
        if len(outcomes) != len(jobs):
            raise errors.EngineFailed("the model process answered another number of items than it was given")
        return outcomes

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Iterator[Event]:
        """See Backend.stream."""
        self._connect()
        request = _request(jobs, context)
        left = set(range(len(jobs)))
        for attempt in range(1, self._attempts + 1):
            remaining_s = _time_left(request, context)
            call = self._stream(request, timeout=remaining_s + SLACK_S)
            try:
                for message in _messages(call, context.gone):
                    event = codec.event_from_message(message)
                    if isinstance(event, Ended):
                        left.discard(event.job)
                    if event is not None:
                        attempt = self._attempts  # what was said cannot be said again by another replica
                        yield event
                break
            except _OlderPeer:
                for number, outcome in enumerate(self.run(jobs, context)):
                    left.discard(number)
                    yield Ended(number, outcome)
                break
            except (errors.Overloaded, errors.Unavailable, errors.Draining):
                if attempt == self._attempts:
                    raise
            finally:
                call.cancel()
        if left:
            raise errors.EngineFailed("the model process answered another number of items than it was given")

    def catalogue(self) -> Catalogue:
        """See Backend.catalogue. A copy from before an outage is better than none."""
        if self._catalogue is not None:
            if time.monotonic() - self._catalogue_s < CATALOGUE_TTL_S or not self._refreshing.acquire(blocking=False):
                return self._catalogue
        elif not self._refreshing.acquire(timeout=DESCRIBE_TIMEOUT_S):
            # Somebody else is asking and has no answer yet: waiting in line behind them would add up.
            raise errors.Unavailable("the model process does not answer", retry_after_s=1)
        try:
            if self._catalogue is not None and time.monotonic() - self._catalogue_s < CATALOGUE_TTL_S:
                return self._catalogue
            return self._refresh()
        finally:
            self._refreshing.release()

    def answers(self) -> bool:
        """Whether the model process answers now, whatever is remembered of it."""
        self._connect()
        try:
            self._describe(pb.DescribeRequest(products=True), timeout=DESCRIBE_TIMEOUT_S)
        except grpc.RpcError:
            return False
        return True

    def close(self) -> None:
        """See Backend.close."""
        with self._lock:
            self._closed = True
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    def _refresh(self) -> Catalogue:
        self._connect()
        try:
            reply = self._describe(pb.DescribeRequest(products=True), timeout=DESCRIBE_TIMEOUT_S)
        except grpc.RpcError as error:
            if self._catalogue is None:
                raise _translate(error) from None
            self._catalogue_s = time.monotonic()
            return self._catalogue
        found = codec.catalogue_from_message(reply)
        # The same object as long as nothing has changed, so that what was made from it can be kept.
        self._catalogue = self._catalogue if found == self._catalogue else found
        self._catalogue_s = time.monotonic()
        return self._catalogue

    def _call(self, request: pb.RunRequest, timeout_s: float, gone: Callable[[], bool]) -> pb.RunReply:
        call = self._run.future(request, timeout=timeout_s)
        while True:
            try:
                reply: pb.RunReply = call.result(timeout=POLL_S)
                return reply
            except grpc.FutureTimeoutError:
                if gone():
                    call.cancel()
                    raise errors.Cancelled("the caller has gone") from None
            except grpc.FutureCancelledError:
                raise errors.Unavailable("the connection to the model process was closed", retry_after_s=1) from None
            except grpc.RpcError as error:
                raise _translate(error) from None

    def _connect(self) -> None:
        if self._pid == os.getpid() and self._channel is not None:
            return
        with self._lock:
            if self._closed:
                raise errors.Unavailable("this client is closed")
            if self._pid == os.getpid() and self._channel is not None:
                return
            self._channel = grpc.insecure_channel(self._target, options=_OPTIONS)
            self._run = self._channel.unary_unary(
                "/precis.v1.Model/Run",
                request_serializer=pb.RunRequest.SerializeToString,
                response_deserializer=pb.RunReply.FromString,
            )
            self._stream = self._channel.unary_stream(
                "/precis.v1.Model/Stream",
                request_serializer=pb.RunRequest.SerializeToString,
                response_deserializer=pb.StreamReply.FromString,
            )
            self._describe = self._channel.unary_unary(
                "/precis.v1.Model/Describe",
                request_serializer=pb.DescribeRequest.SerializeToString,
                response_deserializer=pb.DescribeReply.FromString,
            )
            self._pid = os.getpid()


def _request(jobs: Sequence[Job], context: CallContext) -> pb.RunRequest:
    messages = [codec.job_to_message(job) for job in jobs]
    return pb.RunRequest(request_id=context.request_id, caller=context.caller, jobs=messages)


def _time_left(request: pb.RunRequest, context: CallContext) -> float:
    """The seconds left to the caller, noted in the request too."""
    remaining_s = context.deadline_s - time.monotonic()
    if remaining_s <= 0:
        raise errors.DeadlineExceeded("the time given has run out")
    request.remaining_ms = max(1, int(remaining_s * 1000))
    return remaining_s


def _messages(call: Any, gone: Callable[[], bool]) -> Iterator[pb.StreamReply]:
    """What a streaming call answers. It is read on a thread of its own, as only that can be waited for with a limit."""
    items: queue.SimpleQueue[pb.StreamReply | errors.PrecisError | None] = queue.SimpleQueue()

    def pump() -> None:
        try:
            for message in call:
                items.put(message)
            items.put(None)
        except grpc.RpcError as error:
            older = error.code() is grpc.StatusCode.UNIMPLEMENTED
            items.put(_OlderPeer("the model process does not stream yet") if older else _translate(error))

    threading.Thread(target=pump, name="stream", daemon=True).start()
    yield from followed(items, gone)


def _translate(error: Any) -> errors.PrecisError:
    """A gRPC status as one of our failures. Details written by gRPC itself are not passed on: they name addresses."""
    status = error.code()
    metadata = dict(error.trailing_metadata() or ())
    code = metadata.get("precis-code", "")
    retry_after_s = int(metadata.get("retry-after-ms", "0")) / 1000 or None
    if code:
        return errors.from_code(code, error.details(), retry_after_s=retry_after_s)
    if status is grpc.StatusCode.UNAVAILABLE:
        return errors.Unavailable("the model process cannot be reached", retry_after_s=1)
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded("the model process did not answer in time")
    if status is grpc.StatusCode.CANCELLED:
        # The server ended the call without an answer: it is stopping.
        return errors.Unavailable("the model process is restarting", retry_after_s=1)
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return errors.TooLong("this is more than the service takes in one request; send it in parts")
    return errors.EngineFailed("the model process failed on this request")
