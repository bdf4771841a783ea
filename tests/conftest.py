"""What holds for every test: nothing is left behind, the environment is restored, and no skip goes unnoticed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.allowed_skips import is_allowed

# Longer than any orderly end takes, even on a busy machine; a leak costs it once.
GRACE_S = 5.0

_unlisted_skips: list[str] = []


# ---- nothing is left behind -----------------------------------------------------------------------------------------


def _children(pid: int | None = None) -> set[int]:
    """Process ids whose parent is `pid`, this process by default; zombies count, for somebody forgot to wait."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task")
    found: set[int] = set()
    for task in tasks.iterdir():
        try:
            found.update(int(word) for word in (task / "children").read_text().split())
        except OSError:  # the thread ended between listing and reading
            continue
    return found


def _describe(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        line = ""
    return f"process {pid} {line or '(zombie)'}"


def _leaks(threads: set[threading.Thread], children: set[int]) -> list[str]:
    """What has come since the snapshot and does not end within the grace."""
    end = time.monotonic() + GRACE_S
    left: list[str] = []
    for thread in set(threading.enumerate()) - threads - {threading.current_thread()}:
        if "_poll_wrapper" in thread.name:  # gRPC's asyncio poller: one a process, started at first use, for good
            continue
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            left.append(f"thread {thread.name}")
    gone = threading.Event()
    while (new := _children() - children) and time.monotonic() < end:
        gone.wait(0.02)
    return left + [_describe(pid) for pid in sorted(new)]


@pytest.fixture(scope="session", autouse=True)
def _nothing_outlives_the_session() -> Iterator[None]:
    """Fail the run when a fixture that outlives a test leaves a thread or a process."""
    threads, children = set(threading.enumerate()), _children()
    yield
    leaks = _leaks(threads, children)
    if leaks:
        pytest.fail("left behind by a wide fixture: " + "; ".join(leaks))


@pytest.fixture(autouse=True)
def _nothing_outlives_the_test(_nothing_outlives_the_session: None) -> Iterator[None]:
    """Fail a test that leaves a thread or a child process running."""
    threads, children = set(threading.enumerate()), _children()
    yield
    leaks = _leaks(threads, children)
    if leaks:
        pytest.fail("left behind: " + "; ".join(leaks))


@pytest.fixture(autouse=True)
def _environment_restored() -> Iterator[None]:
    """Give every test an environment without `PRECIS_*` and put back what it found."""
    before, folder = dict(os.environ), Path.cwd()
    for name in [name for name in os.environ if name.startswith("PRECIS_")]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
    os.chdir(folder)


# ---- no skip goes unnoticed -----------------------------------------------------------------------------------------


def _note_skip(where: str, longrepr: object) -> None:
    reason = str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
    if not is_allowed(reason):
        _unlisted_skips.append(f"{where}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look at each test's outcome; an expected failure is reported as skipped too and is strict already."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report.nodeid, report.longrepr)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Look at modules that skip themselves as a whole."""
    if report.skipped:
        _note_skip(report.nodeid, report.longrepr)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn an otherwise good run with an unlisted skip into a failed one."""
    if _unlisted_skips and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the skips that failed the run."""
    if _unlisted_skips:
        terminalreporter.section("skips that tests/allowed_skips.py does not list")
        for line in _unlisted_skips:
            terminalreporter.write_line(line)
