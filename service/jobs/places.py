"""Where jobs are kept when no setting says it: a file in the folder of state, or the next best."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from service.config import Settings

log = logging.getLogger("precis.jobs")

_FILE = "jobs.db"


def with_database(settings: Settings) -> Settings:
    """The settings with a database that can be used; what the operator has said stays as it is."""
    if settings.jobs_database:
        return settings
    folder = settings.state_dir
    if not _usable(folder):
        folder = settings.runtime_dir
        log.warning(
            "PRECIS_STATE_DIR (%s) cannot be written: jobs are kept in PRECIS_RUNTIME_DIR and may be lost with it",
            settings.state_dir,
        )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings.model_copy(update={"jobs_database": f"sqlite://{(folder / _FILE).absolute()}"})


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    file = folder / _FILE
    return os.access(folder, os.W_OK | os.X_OK) and (not file.exists() or os.access(file, os.R_OK | os.W_OK))
