"""Settings of the processes, the API, its callers and its limits; the first part of `config.Settings`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.addresses import grpc_target

DIALECTS = ("libretranslate", "deepl", "huggingface")


class ServingSettings(BaseModel):
    """What rules serving. Field order is the order of the README's table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # addresses
    host: str = Field("127.0.0.1", description="address the HTTP API listens on")
    port: int = Field(8080, ge=0, le=65535, description="port of the HTTP API")
    management_host: str = Field("127.0.0.1", description="address of the management port (probes and metrics)")
    management_port: int = Field(
        0, ge=0, le=65535, description="management port, out of reach of user traffic; 0: the port after `PRECIS_PORT`"
    )
    model_address: str = Field(
        "",
        description="where API processes find the model: `unix:PATH`, `HOST:PORT`, `dns:///NAME:PORT` (all addresses "
        "of the name) or several `IP:PORT` split by blanks; empty: a socket in the runtime folder",
    )
    model_bind: str = Field(
        "", description="where the model process listens, `unix:PATH` or `HOST:PORT`; empty: as above"
    )
    runtime_dir: Path = Field(
        Path(tempfile.gettempdir()) / f"precis-{os.getuid()}",
        description="folder for sockets, heartbeats and metric files; one sub-folder a port is made in it",
    )

    # processors
    cpus: float = Field(
        0, ge=0, le=1024, description="CPUs to use at most; 0: what affinity and control group quota grant"
    )
    engine_threads: int = Field(
        0, ge=0, le=256, description="threads of a neural engine; 0: one a whole CPU, less one from 4 on beside an API"
    )

    # API processes
    api_workers: int = Field(0, ge=0, le=64, description="gunicorn workers; 0: one a whole CPU, at most 4")
    api_threads: int = Field(32, ge=1, le=512, description="requests one worker serves at a time")
    api_backlog: int = Field(128, ge=0, le=4096, description="complete requests one worker keeps waiting for a thread")
    api_connections: int = Field(1000, ge=16, le=20000, description="open connections one worker holds")
    read_timeout_s: float = Field(15, gt=0, le=300, description="time for a whole request head and body to arrive")
    keepalive_s: int = Field(15, ge=1, le=600, description="time an idle connection stays open")
    dialects: str = Field(
        "", description="other services' APIs to speak as well: `libretranslate`, `deepl`, `huggingface`"
    )
    stream_keepalive_s: float = Field(
        10, ge=0.1, le=300, description="time without an event after which a stream gets a comment"
    )
    trust_request_id: bool = Field(True, description="take `X-Request-Id` from the caller when it is well formed")

    # limits
    max_body_bytes: int = Field(2 * 1024 * 1024, ge=1024, description="request body; 413 beyond it")
    max_text_characters: int = Field(500_000, ge=100, description="text of one item, in code points; 422 beyond it")
    max_targets: int = Field(20, ge=1, le=200, description="target languages of one request")
    max_texts: int = Field(100, ge=1, le=1000, description="texts of one translate or detect request")
    max_batch_items: int = Field(100, ge=1, le=1000, description="items of one batch")
    batch_concurrency: int = Field(8, ge=1, le=64, description="items of one batch that run at a time")
    max_streams: int = Field(
        256, ge=1, le=10_000, description="open event streams of one worker, beside its `PRECIS_API_THREADS`"
    )
    max_queued_rows: int = Field(1000, ge=1, description="rows waiting for one engine; 429 beyond it")
    max_queued_cost: int = Field(
        8_000_000, ge=1, description="cost waiting for one engine, in characters or padded tokens; 429 beyond it"
    )

    # callers
    keys_file: Path | None = Field(
        None,
        description="file of API keys and limits (docs/KEYS.md), read again when it changes; empty: open to all",
    )
    open_pages: bool = Field(
        True, description="with keys: `/`, `/docs` and `/openapi.json` answer without one, as probes and metrics do"
    )
    idempotency_ttl_s: float = Field(
        86_400, ge=1, le=30 * 86_400, description="time a reply is kept for its `Idempotency-Key`"
    )
    idempotency_max_mb: int = Field(64, ge=1, le=100_000, description="disk for replies kept; the oldest go first")
    redis_url: str = Field(
        "",
        pattern="^((rediss?|unix)://.*)?$",
        description="Redis or Valkey for limits, kept replies and (`PRECIS_CACHE_REDIS`) results of all instances, "
        "as `redis://cache:6379/0`; empty: each instance counts for itself",
    )
    redis_password_file: Path | None = Field(None, description="file with its password")
    redis_prefix: str = Field("precis:", max_length=64, description="begin of the names kept there")
    redis_timeout_s: float = Field(
        0.1, gt=0, le=10, description="time it has to answer; then instances count for themselves until it is back"
    )
    cors_origins: str = Field(
        "",
        description="web origins whose pages may call the API, split by blanks, as `https://news.example`; `*`: all",
    )
    hsts_max_age_s: int = Field(
        0, ge=0, description="`Strict-Transport-Security` of every reply, where all of the host is HTTPS; 0: not sent"
    )

    # time
    request_timeout_s: float = Field(60, gt=0, le=3600, description="deadline of a request that names none")
    max_deadline_s: float = Field(300, gt=0, le=3600, description="longest deadline a caller may ask for")
    orphan_grace_s: float = Field(
        2, ge=0, le=60, description="time a computation runs on, and its result is kept, after its last caller hung up"
    )
    liveness_s: float = Field(30, gt=1, le=600, description="age of a heartbeat after which a process counts as stuck")
    drain_delay_s: float = Field(0, ge=0, le=120, description="time between turning unready and refusing connections")
    drain_timeout_s: float = Field(60, gt=0, le=3600, description="time admitted work has to finish after SIGTERM")

    @field_validator("dialects")
    @classmethod
    def _known_dialects(cls, value: str) -> str:
        unknown = sorted(set(value.replace(",", " ").split()) - set(DIALECTS))
        if unknown:
            raise ValueError(f"unknown dialect {unknown[0]}; known are {', '.join(DIALECTS)}")
        return value

    @field_validator("model_address")
    @classmethod
    def _known_address(cls, value: str) -> str:
        grpc_target(value)
        return value

    @property
    def management_port_effective(self) -> int:
        """The management port, resolved."""
        return self.management_port or self.port + 1

    @property
    def dialects_effective(self) -> tuple[str, ...]:
        """The foreign APIs to speak, resolved, each once."""
        return tuple(dict.fromkeys(self.dialects.replace(",", " ").split()))

    @property
    def run_folder(self) -> Path:
        """The sub-folder of `runtime_dir` that belongs to this instance."""
        return self.runtime_dir / str(self.port)

    @property
    def model_target(self) -> str:
        """gRPC target of the model process, resolved."""
        return grpc_target(self.model_address) or f"unix:{self.run_folder}/model.sock"

    @property
    def model_listen(self) -> str:
        """gRPC address the model process listens on, resolved."""
        return self.model_bind or f"unix:{self.run_folder}/model.sock"
