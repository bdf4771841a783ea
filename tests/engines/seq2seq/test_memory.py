"""Memory that goes back when there is nothing to do."""

from __future__ import annotations

import os

import pytest

from service.engines.seq2seq import memory
from service.engines.seq2seq.memory import Watermark, resident_bytes


def test_memory_is_given_back_only_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the mark nothing is done, above it the C library is asked; before a process is ready there is no mark."""
    now = [100.0]
    asked = []
    monkeypatch.setattr(memory, "resident_bytes", lambda: now[0])
    monkeypatch.setattr(memory, "trim", lambda: asked.append(now[0]))
    mark = Watermark()
    assert not mark.settle()
    mark.note()
    now[0] = 102
    assert not mark.settle()
    now[0] = 120
    assert mark.settle()
    assert asked == [120]
    now[0] = 90  # another engine's mark never lowers it
    mark.note()
    now[0] = 101
    assert not mark.settle()


def test_resident_memory_is_that_of_a_python_with_torch() -> None:
    """The figure is in bytes, and trimming does not break anything."""
    memory.trim()
    assert 50 * 10**6 < resident_bytes() < 20 * 10**9


def test_a_bound_that_somebody_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the process comes first."""
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    memory.bound_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    memory.bound_kernels()
    assert int(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) < 1024
