"""Settings from the environment: every name starts with `PRECIS_` and carries its unit.

An unknown `PRECIS_*` name refuses to start and names the nearest known one, because a typo that is silently ignored is
found in production.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "PRECIS_"

# Chosen by reach, see docs/ARCHITECTURE.md: each is a Debian package `apertium-<pair>`.
DEFAULT_APERTIUM_PAIRS = (
    "eng-spa eng-cat fr-es spa-cat spa-ita cat-ita es-pt por-cat es-gl es-ro "
    "rus-ukr mkd-bul mkd-eng hbs-eng swe-dan isl-eng afr-nld ind-zlm urd-hin eo-en"
)

# Languages that instruction-tuned models of the common sizes are trained on; a larger model reads more.
DEFAULT_REMOTE_LANGUAGES = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv nb nl pl pt ro ru sk sl sr sv th tr uk "
    "vi zh-Hans zh-Hant"
)


def _cache_folder() -> Path:
    """The user's cache folder; the temporary one where there is no home, as in a container without a user entry."""
    try:
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


# Permissive licences only: whoever wants others names them.
_PROFILE_ENGINES = {
    "embedded": "extractive apertium",
    "cpu": "seq2seq extractive apertium",
    "gpu": "seq2seq extractive apertium",
}
_PROFILE_MODELS = {"embedded": "", "cpu": "m2m100-418m bart-large-cnn", "gpu": "m2m100-418m bart-large-cnn"}


DIALECTS = ("libretranslate", "deepl", "huggingface")


class SettingsError(Exception):
    """The environment holds a setting that cannot be used; the message names it."""


class Settings(BaseModel):
    """Everything that can be set. Field order is the order of the README's table."""

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
        description="where API processes find the model: `unix:PATH`, `HOST:PORT` or `dns:///NAME:PORT`; "
        "empty: a socket in the runtime folder",
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
    trust_request_id: bool = Field(True, description="take `X-Request-Id` from the caller when it is well formed")

    # limits
    max_body_bytes: int = Field(2 * 1024 * 1024, ge=1024, description="request body; 413 beyond it")
    max_text_characters: int = Field(500_000, ge=100, description="text of one item, in code points; 422 beyond it")
    max_targets: int = Field(20, ge=1, le=200, description="target languages of one request")
    max_texts: int = Field(100, ge=1, le=1000, description="texts of one translate or detect request")
    max_batch_items: int = Field(100, ge=1, le=1000, description="items of one batch")
    batch_concurrency: int = Field(8, ge=1, le=64, description="items of one batch that run at a time")
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
        description="Redis or Valkey for limits and kept replies of all instances, such as `redis://cache:6379/0`; "
        "empty: each instance counts for itself",
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

    # engines
    profile: Literal["embedded", "cpu", "gpu"] = Field("embedded", description="which set of engines is the default")
    engines: str = Field("", description="engines to load, by name; empty: those of the profile")
    models: str = Field("", description="neural models to load, by id; empty: those of the profile")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto", description="of neural models; auto: by processor"
    )
    coalesce: bool = Field(True, description="identical requests in flight share one computation")
    cache_mb: float = Field(
        32, ge=0, le=65536, description="results kept by the model process, where `PRECIS_COALESCE` is on; 0: none"
    )
    cache_age_s: float = Field(600, gt=0, le=604_800, description="time a result is kept")
    share_across_callers: bool = Field(False, description="callers with different keys share computations and results")
    apertium_pairs: str = Field(DEFAULT_APERTIUM_PAIRS, description="Apertium pairs to install and load")
    apertium_dir: Path = Field(Path("/usr/share/apertium"), description="where Apertium's data is installed")
    apertium_pipes: int = Field(2, ge=1, le=32, description="pipelines of one direction that may run at a time")
    apertium_memory_mb: int = Field(
        0, ge=0, description="memory of all pipelines together; 0: a third of what is granted, at most 2048"
    )
    apertium_idle_s: float = Field(300, gt=0, description="time after which an unused pipeline is ended")
    apertium_timeout_s: float = Field(20, gt=0, le=600, description="time one text may spend in a pipeline")
    remote_url: str = Field(
        "", description="OpenAI-compatible chat server of the `remote` engine, such as `http://llm:8000`"
    )
    remote_model: str = Field("", description="name of the model on that server")
    remote_key_file: Path | None = Field(None, description="file with the server's API key")
    remote_licence: str = Field("unknown", description="licence of that model, as `/v1/models` is to show it")
    remote_languages: str = Field(
        DEFAULT_REMOTE_LANGUAGES, description="languages that model reads and writes; `*`: all of them"
    )
    remote_rank: int = Field(
        600, ge=0, le=100_000, description="rank of that model; `engine: auto` takes the lowest rank loaded"
    )
    remote_connect_timeout_s: float = Field(3, gt=0, le=60, description="time to connect to that server")
    remote_token_timeout_s: float = Field(
        30, gt=0, le=3600, description="time that server may be silent, before and within an answer"
    )
    remote_timeout_s: float = Field(
        60, gt=0, le=3600, description="time for one request to that server, its retries included"
    )
    remote_concurrency: int = Field(8, ge=1, le=1024, description="requests to that server at a time")
    remote_retries: int = Field(2, ge=0, le=10, description="times a request to that server is sent again")
    remote_chunk_characters: int = Field(
        12_000, ge=2000, le=1_000_000, description="the most text of one summary request; a longer text goes in parts"
    )
    remote_extra_json: str = Field(
        "", description="JSON object of more request fields, such as switches of a chat template"
    )
    # models from a hub
    models_dir: Path = Field(_cache_folder() / "precis" / "models", description="folder of pulled models")
    quantized_dir: Path = Field(
        _cache_folder() / "precis" / "quantized",
        description="folder for the int8 weights of models whose own folder cannot be written",
    )
    hub_endpoint: str = Field(
        "",
        pattern="^(https?://.*)?$",
        description="model hub or a mirror of it, as a URL; empty: what `HF_ENDPOINT` says, else the public hub",
    )
    hub_token_file: str = Field(
        "", description="file that holds the hub's access token, for gated models; empty: no token is sent"
    )
    accept_licences: str = Field(
        "", description="non-commercial licences (`CC-BY-NC-4.0`) or models accepted by name, split by blanks"
    )
    offline: bool = Field(False, description="refuse to use the network for models")
    fake_script: str = Field("", description="behaviour of the fake engine, for tests only")

    # logs
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @field_validator("dialects")
    @classmethod
    def _known_dialects(cls, value: str) -> str:
        unknown = sorted(set(value.replace(",", " ").split()) - set(DIALECTS))
        if unknown:
            raise ValueError(f"unknown dialect {unknown[0]}; known are {', '.join(DIALECTS)}")
        return value

    @property
    def management_port_effective(self) -> int:
        """The management port, resolved."""
        return self.management_port or self.port + 1

    @property
    def engines_effective(self) -> tuple[str, ...]:
        """The engines to load, resolved."""
        return tuple((self.engines or _PROFILE_ENGINES[self.profile]).replace(",", " ").split())

    @property
    def dialects_effective(self) -> tuple[str, ...]:
        """The foreign APIs to speak, resolved, each once."""
        return tuple(dict.fromkeys(self.dialects.replace(",", " ").split()))

    @property
    def models_effective(self) -> tuple[str, ...]:
        """The neural models to load, resolved."""
        return tuple((self.models or _PROFILE_MODELS[self.profile]).replace(",", " ").split())

    @property
    def run_folder(self) -> Path:
        """The sub-folder of `runtime_dir` that belongs to this instance."""
        return self.runtime_dir / str(self.port)

    @property
    def model_target(self) -> str:
        """gRPC target of the model process, resolved."""
        return self.model_address or f"unix:{self.run_folder}/model.sock"

    @property
    def model_listen(self) -> str:
        """gRPC address the model process listens on, resolved."""
        return self.model_bind or f"unix:{self.run_folder}/model.sock"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: instead of the process environment, for tests.
    Raises:
        SettingsError: an unknown `PRECIS_*` name (with the nearest known one), or a value out of range (with its name).
    """
    env = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(env):
        if name.upper().startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)
            raise SettingsError(f"unknown setting {name}; did you mean {near[0]}?")
    given = {name: env[PREFIX + name.upper()] for name in Settings.model_fields if PREFIX + name.upper() in env}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else PREFIX + "*"
        raise SettingsError(f"{name}: {first['msg']}") from None
