"""The guards. A row is `{"given", "output", "source", "target"}`; an output is a list of reasons to doubt it."""

from __future__ import annotations

from typing import Any

from bench.quality.worker import Run, System


def _own() -> Run:
    from service.engines.seq2seq import guards

    def run(row: dict[str, Any]) -> list[str]:
        return [one.reason for one in guards.check(row["given"], row["output"], row["source"], row["target"])]

    run({"given": "One.", "output": "Eins.", "source": "en", "target": "de"})
    return run


SYSTEMS = {"precis": System("Précis", _own, own=True)}
