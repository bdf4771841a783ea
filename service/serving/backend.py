"""What the pipeline sees of model serving."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from service.events import Event
from service.records import CallContext, Catalogue, Job, Outcome


class Backend(Protocol):
    """Runs jobs somewhere: in the model process over gRPC, or in this process."""

    def run(self, jobs: Sequence[Job], context: CallContext) -> list[Outcome]:
        """Run jobs as one admission and wait for all of them.

        Returns:
            One outcome per job, in order. A job that failed carries its own error and fails no other.
        Raises:
            Overloaded, Unavailable, Draining: nothing was admitted.
            DeadlineExceeded: the time ran out before all jobs had ended.
            Cancelled: `context.gone()` became true.
        """
        ...

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Generator[Event]:
        """Run jobs as `run` does and yield their text as it is written.

        Yields:
            For each job pieces in reading order, then its end; jobs run side by side. For each segment the pieces, put
            together, are the segment of the outcome. Closing the iterator takes the jobs' rows out of their batches.
        Raises:
            The errors of `run`, at the first event.
        """
        ...

    def catalogue(self) -> Catalogue:
        """What is loaded, at most a few seconds old.

        Raises:
            Unavailable: the model process has never answered.
        """
        ...

    def close(self) -> None:
        """Release connections; further calls raise Unavailable."""
        ...
