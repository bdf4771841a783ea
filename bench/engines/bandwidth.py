"""Print the bytes a second that reading memory reaches: `python -m bench.engines.bandwidth THREADS`."""

from __future__ import annotations

import sys
import time

import torch


def main(threads: int) -> None:
    """The best of several runs over a block that no cache holds."""
    torch.set_num_threads(threads)
    block = torch.ones(64 * 2**20)
    best = 0.0
    for _ in range(20):
        start = time.perf_counter()
        block.sum()
        best = max(best, block.numel() * 4 / (time.perf_counter() - start))
    print(best)


if __name__ == "__main__":
    main(int(sys.argv[1]))
