"""The same service with engines that never step back: `python -m bench.peers.fixed serve`."""

from __future__ import annotations

import sys

from bench.peers import launch
from service.config import Settings
from service.engines.loaded import Loaded


def create(settings: Settings) -> Loaded:
    """Make the neural engines, each with all its threads in every step."""
    from service.engines.seq2seq import setup

    loaded = setup.create(settings)
    for engine in loaded.engines.values():
        engine.before_step = None  # type: ignore[attr-defined]
    return loaded


if __name__ == "__main__":
    sys.exit(launch.main("bench.peers.fixed", sys.argv[1:]))
