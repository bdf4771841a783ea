"""Settings of durable jobs and their webhooks; the second part of `config.Settings`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from service.config_serving import ServingSettings


def _state_folder() -> Path:
    """The user's folder of state; the temporary one where there is no home, as in a container without a user entry."""
    try:
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")


class JobsSettings(ServingSettings):
    """What rules jobs. Field order is the order of the README's table."""

    # jobs
    jobs_database: str = Field(
        "",
        pattern="^(off|sqlite:///.+|postgresql://.+)?$",
        description="where jobs are kept (docs/JOBS.md): `sqlite:///ABSOLUTE/PATH`, `postgresql://user@host/db` "
        "or `off`; empty: `jobs.db` in `PRECIS_STATE_DIR` for `precis serve` and `precis worker`, off for `--role api`",
    )
    jobs_database_password_file: Path | None = Field(None, description="file with the password of PostgreSQL")
    state_dir: Path = Field(
        _state_folder() / "precis",
        description="folder of what must survive a restart; where it cannot be written, "
        "`PRECIS_RUNTIME_DIR` is taken and a warning says so",
    )
    worker_id: str = Field("", max_length=100, description="name of this worker, for people; empty: the host's name")
    jobs_concurrency: int = Field(4, ge=1, le=256, description="items of jobs that one worker does at a time")
    jobs_max_items: int = Field(10_000, ge=1, le=100_000, description="items of one job")
    jobs_max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="body of `POST /v1/jobs`; 413 beyond it")
    jobs_max_mb: int = Field(
        1024, ge=1, le=1_000_000, description="requests and results of all jobs together; 429 beyond it"
    )
    jobs_item_timeout_s: float = Field(300, gt=0, le=3600, description="time for one attempt at one item")
    jobs_retention_s: float = Field(
        86_400, ge=1, le=366 * 86_400, description="time a job and its results are kept after its end, at most"
    )
    webhook_hosts: str = Field(
        "",
        description="hosts that webhooks may go to, split by blanks: `name`, `name:port`, `*.name`; empty: they are "
        "refused",
    )
    webhook_private: bool = Field(False, description="webhooks may go to private addresses, and by plain HTTP")
    webhook_secret_file: Path | None = Field(None, description="file with the secret that signs webhooks")
    webhook_attempts: int = Field(8, ge=1, le=50, description="times a webhook is sent before it has failed")
    webhook_retry_s: float = Field(
        5, gt=0, le=3600, description="about the first wait; each further one is four times it"
    )
    webhook_timeout_s: float = Field(10, gt=0, le=120, description="time for one attempt at a webhook")

    @field_validator("jobs_database")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if ":" in urlsplit(value).netloc.rpartition("@")[0]:
            raise ValueError("give the password in a file, PRECIS_JOBS_DATABASE_PASSWORD_FILE")
        return value
