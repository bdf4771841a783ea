"""Logs and metrics: their form, and that nothing gets in which should not."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

from service import telemetry
from tests.logs import logging_restored  # noqa: F401 - a fixture


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_with_who_and_when() -> None:
    """A line tells time, level, event, role and, within a request, its id."""
    stream = io.StringIO()
    telemetry.configure_logging("model", "info", stream)
    telemetry.bind_request("r-1")
    telemetry.logger().info("loaded", rows=3)
    (line,) = lines_of(stream)
    assert str(line.pop("ts")).endswith("Z")
    assert line == {"level": "info", "event": "loaded", "role": "model", "request_id": "r-1", "rows": 3}


def test_lines_of_libraries_take_the_same_form() -> None:
    """What libraries log through the standard module is JSON too, with types and places for a traceback."""
    stream = io.StringIO()
    telemetry.configure_logging("api", "info", stream)
    try:
        raise ValueError("text of somebody")
    except ValueError:
        logging.getLogger("some.library").exception("it %s", "broke")
    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["role"]) == ("it broke", "error", "api")
    assert "text of somebody" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_level_is_kept() -> None:
    """Lines below the level are not written."""
    stream = io.StringIO()
    telemetry.configure_logging("api", "warning", stream)
    telemetry.logger().info("quiet")
    logging.getLogger("some.library").info("quiet too")
    telemetry.logger().warning("loud")
    assert [line["event"] for line in lines_of(stream)] == ["loud"]


def test_tracebacks_name_the_chain_without_messages() -> None:
    """Cause and place of a failure are logged, the words of its messages are not."""
    stream = io.StringIO()
    telemetry.configure_logging("api", "info", stream)
    try:
        try:
            raise KeyError("inner words")
        except KeyError as inner:
            raise RuntimeError("outer words") from inner
    except RuntimeError as error:
        telemetry.logger().error("failed", exc_info=error)
    (line,) = lines_of(stream)
    chain = line["exception"]
    assert isinstance(chain, list)
    assert [one["type"] for one in chain] == ["RuntimeError", "KeyError"]
    assert "words" not in stream.getvalue()


def test_labels_are_bounded() -> None:
    """Languages outside the table, and engines past a bound, are counted together."""
    metrics = telemetry.HttpMetrics(lambda tag: tag == "en")
    for index in range(100):
        metrics.item("bounded", f"engine-{index}", "en")
    metrics.item("bounded", "engine-0", "made-up")
    text = telemetry.render_metrics()[0].decode()
    mine = [line for line in text.splitlines() if 'task="bounded"' in line and "_total" in line]
    assert len(mine) <= 66
    assert any('engine="other"' in line for line in mine)
    assert any('language="other"' in line for line in mine)
    assert "made-up" not in text


_SHARED = """
import os, sys
from pathlib import Path
from service import telemetry
folder = Path(sys.argv[1])
telemetry.share_metrics(folder, fresh=sys.argv[2] == "fresh")
lane = telemetry.LaneMetrics("extractive")
lane.queue(3, 500)
lane.admitted(2)
lane.ended("finished", 1)
lane.refused("overloaded")
lane.stepped(0.01)
lane.coalesced()
lane.checked("loop", "redecoded")
telemetry.count_restart("model")
telemetry.HttpMetrics(lambda tag: True).request("summarize", 200, "ok", 0.1)
body, content_type = telemetry.render_metrics()
assert content_type.startswith("text/plain")
print(body.decode())
print("pid", os.getpid())
if sys.argv[3] == "forget":
    telemetry.forget_process(os.getpid())
    print(telemetry.render_metrics()[0].decode().replace("precis", "after"))
"""


def _in_process(folder: Path, *words: str) -> str:
    command = [sys.executable, "-c", _SHARED, str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_processes_share_their_series(tmp_path: Path) -> None:
    """Counts of all processes add up, gauges of the dead are dropped, and a fresh start forgets the last run."""
    folder = tmp_path / "metrics"
    first = _in_process(folder, "fresh", "keep")
    assert 'precis_rows_admitted_total{engine="extractive"} 2.0' in first
    second = _in_process(folder, "join", "forget")
    assert 'precis_rows_admitted_total{engine="extractive"} 4.0' in second
    assert 'precis_http_requests_total{code="ok",endpoint="summarize",status="200"} 2.0' in second
    assert 'precis_queue_rows{engine="extractive"} 6.0' in second
    assert 'after_queue_rows{engine="extractive"} 3.0' in second
    assert 'precis_rows_ended_total{engine="extractive",how="finished"} 2.0' in second
    assert 'precis_refusals_total{code="overloaded",engine="extractive"} 2.0' in second
    assert 'precis_coalesced_total{engine="extractive"} 2.0' in second
    assert 'precis_checks_total{action="redecoded",check="loop",engine="extractive"} 2.0' in second
    assert 'precis_process_restarts_total{process="model"} 2.0' in second
    third = _in_process(folder, "fresh", "keep")
    assert 'precis_rows_admitted_total{engine="extractive"} 2.0' in third
