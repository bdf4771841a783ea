"""What wakes a supervisor."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from service.processes import Alarm, Child

LONG_S = 60.0


@pytest.fixture
def storm() -> Iterator[list[Alarm]]:
    """A signal every few instructions whose handler rings the alarms in the list."""
    alarms: list[Alarm] = []

    def handle(number: int, frame: FrameType | None) -> None:
        for alarm in alarms:
            alarm.ring()

    before = signal.signal(signal.SIGVTALRM, handle)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0002, 0.0002)
    yield alarms
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def test_a_ring_ends_the_next_wait_or_the_one_that_goes_on() -> None:
    """A ring before the wait is not lost, counts once however often it came, and reaches a waiting thread."""
    alarm = Alarm()
    for _ in range(100_000):
        alarm.ring()
    started_s = time.monotonic()
    alarm.wait(LONG_S)
    assert time.monotonic() - started_s < LONG_S / 2
    waiting = threading.Thread(target=alarm.wait, args=(LONG_S,))
    waiting.start()
    alarm.ring()
    waiting.join(LONG_S / 2)
    assert not waiting.is_alive()


def test_without_a_ring_a_wait_ends_in_time() -> None:
    """The time is kept."""
    alarm = Alarm()
    started_s = time.monotonic()
    alarm.wait(0.02)
    assert 0.015 < time.monotonic() - started_s < LONG_S / 2


@pytest.mark.timeout(30)
def test_handlers_never_stop_the_thread_they_interrupt(storm: list[Alarm]) -> None:
    """A storm of signals in the middle of waits; an event, which takes a lock, hung here for ever."""
    alarm = Alarm()
    storm.append(alarm)
    for _ in range(30_000):
        alarm.wait(0)
    alarm.ring()
    alarm.wait(LONG_S)
    assert storm == [alarm]


@pytest.mark.parametrize(
    ("program", "orderly"), [("pass", True), ("import time; time.sleep(60)", True), ("exit(3)", False)]
)
def test_a_process_that_sigterm_ends_while_it_starts_has_ended_in_order(program: str, orderly: bool) -> None:
    """It had no handler yet, so it held no work; any other status but 0 is no orderly end."""
    told: list[int] = []
    child = Child(
        "one", [sys.executable, "-c", program], dict(os.environ), lambda name, pid, status: told.append(status)
    )
    child.start()
    if "sleep" not in program:
        assert child.process is not None
        child.process.wait(30)
    assert child.end(30.0) is orderly
    assert len(told) == 1
