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

from pydantic import Field, ValidationError

from service.config_jobs import JobsSettings

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


class SettingsError(Exception):
    """The environment holds a setting that cannot be used; the message names it."""


class Settings(JobsSettings):
    """Everything that can be set. Field order is the order of the README's table."""

    # engines
    profile: Literal["embedded", "cpu", "gpu"] = Field("embedded", description="which set of engines is the default")
    engines: str = Field("", description="engines to load, by name; empty: those of the profile")
    models: str = Field("", description="neural models to load, by id; empty: those of the profile")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where neural models run; auto: on a GPU where PyTorch finds one"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = Field(
        "auto", description="of neural models; auto: by processor or GPU; fp16 is for GPUs, int8 for processors"
    )
    native_steps: bool = Field(
        True, description="int8 models decode in C where there is a compiled step or a C compiler, else through torch"
    )
    coalesce: bool = Field(True, description="identical requests in flight share one computation")
    cache_mb: float = Field(
        32, ge=0, le=65536, description="results kept by the model process, where `PRECIS_COALESCE` is on; 0: none"
    )
    cache_age_s: float = Field(600, gt=0, le=604_800, description="time a result is kept")
    share_across_callers: bool = Field(False, description="callers with different keys share computations and results")
    cache_redis: bool = Field(
        False, description="results are also kept in `PRECIS_REDIS_URL`, where all model processes find them"
    )
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

    # logs, metrics, traces
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    slow_s: float = Field(
        10, gt=0, le=3600, description="time after which a request, or its work on a model, is logged as slow"
    )
    metrics_by_key: bool = Field(False, description="count requests by the names of keys too, of up to 500 keys")
    otlp_endpoint: str = Field(
        "",
        pattern="^(https?://.*)?$",
        description="OpenTelemetry collector for traces, its OTLP port for gRPC, as `http://otel:4317`; empty: none",
    )
    otlp_headers_file: Path | None = Field(
        None, description="file of `name: value` lines to send to it, such as an access token"
    )
    trace_sample_ratio: float = Field(
        1, ge=0, le=1, description="share of traces kept; a caller's `traceparent` has decided for its own"
    )

    @property
    def engines_effective(self) -> tuple[str, ...]:
        """The engines to load, resolved."""
        return tuple((self.engines or _PROFILE_ENGINES[self.profile]).replace(",", " ").split())

    @property
    def models_effective(self) -> tuple[str, ...]:
        """The neural models to load, resolved."""
        return tuple((self.models or _PROFILE_MODELS[self.profile]).replace(",", " ").split())


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
