"""The API's side of the process line: one blocking call per request, cancelled when its caller has gone."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import grpc

from service import errors
from service.addresses import may_be_several
from service.events import Ended, Event
from service.observability import tracing
from service.observability.call_metrics import ModelCall
from service.records import CallContext, Catalogue, Job, Outcome
from service.serving import codec
from service.serving.channel import open_channel
from service.serving.following import POLL_S, followed
from service.serving.proto import model_pb2 as pb
from service.serving.replicas import Attempts, Failed, Replicas

# The server answers at the deadline with what it has; only a server that hangs is cut off by the client.
SLACK_S = 0.5
CATALOGUE_TTL_S = 3.0
DESCRIBE_TIMEOUT_S = 2.0

# A catalogue may come from any replica: so many are asked at most, and the slower ones not waited for.
MOST_DESCRIBED = 8
STRAGGLER_S = 0.3


class _OlderPeer(errors.EngineFailed):
    """A model process of a release that does not stream yet."""


class Client:
    """A Backend that reaches the model process over gRPC.

    Safe to make before a fork: the channel is opened at first use in each process.

    Args:
        target: gRPC target: `unix:PATH`, `HOST:PORT`, `dns:///NAME:PORT`, `ipv4:A:P,B:P`.
            Calls go to the processes behind it in turn; `replicas.Attempts` says which are made twice.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._several = may_be_several(target)
        self._replicas = Replicas()
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
        attempts = Attempts(self._several)
        while True:
            remaining_s = _time_left(request, context)
            try:
                with ModelCall("Run"):
                    reply = self._call(request, remaining_s + SLACK_S, context.gone)
                break
            except Failed as failed:
                if not attempts.again(failed):
                    raise failed.error from None
        outcomes = [codec.outcome_from_message(message) for message in reply.outcomes]
        if len(outcomes) != len(jobs):
            raise errors.EngineFailed("the model process answered another number of items than it was given")
        return outcomes

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Generator[Event]:
        """See Backend.stream."""
        self._connect()
        request = _request(jobs, context)
        left = set(range(len(jobs)))
        attempts = Attempts(self._several)
        begun = ended = False
        while not ended:
            remaining_s = _time_left(request, context)
            try:
                for message in self._messages(request, remaining_s + SLACK_S, context.gone):
                    event = codec.event_from_message(message)
                    if isinstance(event, Ended):
                        left.discard(event.job)
                    if event is not None:
                        begun = True
                        yield event
                ended = True
            except _OlderPeer:
                for number, outcome in enumerate(self.run(jobs, context)):
                    left.discard(number)
                    yield Ended(number, outcome)
                ended = True
            except Failed as failed:
                # What was said cannot be said again by another replica.
                if begun or not attempts.again(failed):
                    raise failed.error from None
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
            with ModelCall("Describe"):
                self._ask_replicas()
        except errors.PrecisError:
            if self._catalogue is None:
                raise
            self._catalogue_s = time.monotonic()
            return self._catalogue
        found = self._replicas.view(time.monotonic())
        # The same object as long as nothing has changed, so that what was made from it can be kept.
        self._catalogue = self._catalogue if found == self._catalogue else found
        self._catalogue_s = time.monotonic()
        return self._catalogue

    def _messages(self, request: pb.RunRequest, timeout_s: float, gone: Callable[[], bool]) -> Iterator[pb.StreamReply]:
        with ModelCall("Stream") as made:
            call = self._stream(request, timeout=timeout_s, metadata=tracing.outgoing())
            made.leave()
            try:
                yield from _messages(call, gone)
            finally:
                call.cancel()

    def _ask_replicas(self) -> None:
        """Ask as many times as there are replicas known and once more; the first failure is raised if none answers."""
        asked = min(len(self._replicas) + 1, MOST_DESCRIBED) if self._several else 1
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        calls = [
            self._describe.future(
                pb.DescribeRequest(products=True), timeout=DESCRIBE_TIMEOUT_S, metadata=tracing.outgoing()
            )
            for _ in range(asked)
        ]
        for call in calls:
            call.add_done_callback(done.put)
        answered, failure, wait_s = False, None, DESCRIBE_TIMEOUT_S + SLACK_S
        for _ in calls:
            try:
                call = done.get(timeout=wait_s)
            except queue.Empty:
                break
            if call.cancelled() or call.exception() is not None:
                failure = failure or call
                continue
            reply = call.result()
            self._replicas.note(reply.replica, codec.catalogue_from_message(reply), time.monotonic())
            answered, wait_s = True, STRAGGLER_S
        for call in calls:
            call.cancel()
        if failure is not None and not answered:
            raise _translate(failure).error from None

    def _call(self, request: pb.RunRequest, timeout_s: float, gone: Callable[[], bool]) -> pb.RunReply:
        call = self._run.future(request, timeout=timeout_s, metadata=tracing.outgoing())
        while True:
            try:
                reply: pb.RunReply = call.result(timeout=POLL_S)
                return reply
            except grpc.FutureTimeoutError:
                if gone():
                    call.cancel()
                    raise errors.Cancelled("the caller has gone") from None
            except grpc.FutureCancelledError:
                gone_error = errors.Unavailable("the connection to the model process was closed", retry_after_s=1)
                raise Failed(gone_error) from None
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
            self._channel = open_channel(self._target)
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


def _translate(error: Any) -> Failed:
    """A gRPC status as one of our failures. Details written by gRPC itself are not passed on: they name addresses."""
    metadata = dict(error.trailing_metadata() or ())
    return Failed(_failure(error, metadata), metadata.get("precis-replica", ""))


def _failure(error: Any, metadata: dict[str, str]) -> errors.PrecisError:
    status = error.code()
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
