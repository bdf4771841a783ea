"""How fast an engine works, from what it did, and how long new work will take."""

from __future__ import annotations

import math

# Work older than this counts for little: models warm up, and texts change over the day.
MEMORY_S = 30.0
# Before it has worked for so long nothing is predicted.
LEAST_S = 0.5


class Speed:
    """Cost an engine gets done in a second of work, with old work fading.

    Args:
        memory_s: seconds of work after which what was seen counts for a third.
    """

    def __init__(self, memory_s: float = MEMORY_S) -> None:
        self._memory_s = memory_s
        self._worked_s = 0.0
        self._cost = 0.0

    def worked(self, seconds: float, cost: float) -> None:
        """Note a stretch of work and the cost of the rows that ended in it."""
        fade = math.exp(-seconds / self._memory_s)
        self._worked_s = self._worked_s * fade + seconds
        self._cost = self._cost * fade + cost

    def seconds_for(self, cost: float) -> float:
        """How long this cost takes; 0 while too little is known, so that nobody is refused on a guess."""
        if self._worked_s < LEAST_S or self._cost <= 0:
            return 0.0
        return cost * self._worked_s / self._cost
