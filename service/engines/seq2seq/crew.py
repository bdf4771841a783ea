"""The threads of torch, as many as there are CPUs for: fewer while others need them."""

from __future__ import annotations

import threading
import time

import torch

from service import cpus


class Crew:
    """Sets the number of threads before each step of an engine. Results have the same bits with any number.

    Args:
        plan: of this process.
    """

    def __init__(self, plan: cpus.Plan) -> None:
        self._share = cpus.Share(plan.engine_threads, cpus.allowed_cpus())
        self._own = threading.local()

    def gather(self) -> None:
        """Set the threads of the calling thread's next operations."""
        count = self._share.threads(threading.get_ident(), time.monotonic())
        if count != getattr(self._own, "count", None):
            torch.set_num_threads(count)
            self._own.count = count
