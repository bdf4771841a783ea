"""Signs of life that other processes can read without asking: one small mapped file a thread.

A probe that asks a process is blind to a main loop that hangs while another thread still answers. Here the loop itself
writes the time, and whoever wants to know reads the age. The clock is CLOCK_MONOTONIC, which all processes of a machine
share.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import time
from pathlib import Path

# The beat, and the start of the process that wrote it: a process id alone may have been given to somebody else since.
_BEAT = struct.Struct("d")
_FILE = struct.Struct("dd")
# Field 22 of /proc/PID/stat, counted from behind the command name, which may itself hold spaces and brackets.
_START_FIELD = 19


def start_of(pid: int) -> float:
    """When a process started, in clock ticks since boot; 0.0 where that cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0.0
    fields = stat.rpartition(b")")[2].split()
    return float(fields[_START_FIELD]) if len(fields) > _START_FIELD else 0.0


def still_runs(pid: int, started: float) -> bool:
    """Whether the process of that id which started then (`start_of`) is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = start_of(pid)
    return not (now and started and now != started)


class Heartbeat:
    """A file that says when its writer was last alive.

    Args:
        folder: where heartbeats lie; made when missing.
        name: who beats: a role, or a role and a part of it joined by `-` (`"api"`, `"model-extractive"`). The file is
            `ROLE.PID.NAME`. No `/` or `.` in the role.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        role = name.partition("-")[0]
        pid = os.getpid()
        self._path = folder / f"{role}.{pid}.{name}"
        # Written beside and renamed: a reader never sees a file without a beat.
        draft = folder / f".{self._path.name}"
        draft.write_bytes(_FILE.pack(time.monotonic(), start_of(pid)))
        with draft.open("r+b") as file:
            self._map: mmap.mmap | None = mmap.mmap(file.fileno(), _FILE.size)
        draft.rename(self._path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def beat(self) -> None:
        """Say "alive now". Costs well under a microsecond; does nothing after `close`."""
        if self._map is not None:
            _BEAT.pack_into(self._map, 0, time.monotonic())

    def close(self) -> None:
        """Stop beating and remove the file. May be called more than once."""
        if self._map is not None:
            self._map.close()
            self._map = None
            self._path.unlink(missing_ok=True)


def ages(folder: Path, prefix: str) -> dict[str, float]:
    """The age of every heartbeat of one role whose writer is still running.

    Files that dead processes left behind are removed on the way.

    Args:
        folder: where heartbeats lie; a missing one has none.
        prefix: the role, that is the name up to its first `-`.
    Returns:
        Seconds since the last beat (0 or more), by file name `ROLE.PID.NAME`.
    """
    found: dict[str, float] = {}
    for path in sorted(folder.glob(f"{prefix}.*.*")):
        number = path.name[len(prefix) + 1 :].partition(".")[0]
        if not number.isdigit():
            continue
        try:
            beat, started = _FILE.unpack(path.read_bytes()[: _FILE.size])
        except (OSError, struct.error):
            continue  # removed meanwhile, or not one of ours
        if still_runs(int(number), started):
            found[path.name] = max(0.0, time.monotonic() - beat)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return found
