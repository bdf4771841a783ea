"""Official clients, run unmodified in environments of their own against the service."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from scripts.environments import groups, python_of, ready

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".make" / "clients"
PINS = ROOT / "requirements-clients.txt"


def run(client: str, script: str, *arguments: str, timeout_s: float = 60) -> Any:
    """Run a script with a client and return the JSON that it prints.

    Args:
        client: a group of `requirements-clients.txt`.
        script: source of a program.
        arguments: for it.
        timeout_s: after which it is ended.
    """
    assert ready(FOLDER, client, groups(PINS)[client]), "`make test-full` makes the clients' environments"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "HF_", "PYTHON"))}
    env |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    done = subprocess.run(
        [str(python_of(FOLDER, client)), "-c", script, *arguments],
        env=env, capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
