"""Speed, and quality where a data folder is named: `python -m bench [DATA]`."""

from __future__ import annotations

import subprocess
import sys

ALONE = ("bench.serving",)
WITH_DATA = ("bench.quality",)


def main(arguments: list[str]) -> int:
    """Run each in a process of its own, one after the other, because they would disturb one another."""
    commands = [[sys.executable, "-m", name] for name in ALONE]
    if arguments:
        commands += [[sys.executable, "-m", name, arguments[0]] for name in WITH_DATA]
    failed = 0
    for command in commands:
        print(f"\n== {' '.join(command[2:])}", flush=True)
        failed |= subprocess.run(command, check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
