"""Where everything is: the one place that reads the environment.

Order of precedence: arguments, environment (``MEMOS_*``), a running local stack of the data directory, defaults.

    data_dir/
      lock          held (flock) by the process that runs servers here
      stack.json    mode 0600: that process's id, the URLs and credentials of what it runs
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, cast

import psutil
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from memos.errors import InvalidConfig

ENV_PREFIX: Final = "MEMOS_"
DEFAULT_DATA_DIR: Final = Path(".memos")
# Fields whose values may hold a password are named in an error, never shown.
_SECRET_ENDINGS: Final = ("password", "token", "key", "secret", "url")


class Settings(BaseSettings):
    """Where servers, models and files are. ``None`` for a server means: start one on demand."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(default=DEFAULT_DATA_DIR, description="Databases, artefacts and the local stack's state.")
    tenant: str = Field(default="default", description="The tenant of this process, where the caller names none.")

    redis_url: str | None = Field(default=None, description="Data plane: mailboxes and job records.")
    broker_url: str | None = Field(
        default=None, description="Celery's broker: a small Redis or a RabbitMQ; by default database 1 of redis_url."
    )
    gpu_broker_url: str | None = Field(
        default=None, description="A broker for GPU workers alone; broker_url otherwise."
    )

    neo4j_url: str | None = Field(default=None, description="bolt:// or neo4j:// URL of the graph.")
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    neo4j_database: str = "neo4j"

    milvus_url: str | None = Field(default=None, description="http:// URL of Milvus.")
    milvus_token: SecretStr = SecretStr("")
    milvus_collection: str = "memos_memories"

    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of users and cubes; SQLite by default."
    )

    model_cache: Path = Field(
        default=Path("~/.cache/memos/models"),
        description="Converted models, one directory each; shared by all projects.",
    )
    model_aliases: Path | None = Field(
        default=None, description="JSON file: model id -> directory, for sites without a hub."
    )
    embedder_model: str = "all-minilm-l6-v2"
    embedder_config: Path | None = Field(
        default=None,
        description="JSON or YAML file with another embedder, in MemOS's or mem0's words; same everywhere.",
    )
    chat_model: str = Field(default="smollm2-135m", description="The model whose KV states GPU workers build.")
    chat_dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    kv_dir: Path | None = Field(
        default=None, description="KV artefacts; data_dir/kv by default. Shared by chat and workers."
    )

    reader: Literal["rules", "simple_struct"] = Field(
        default="rules", description="How workers turn messages into facts."
    )
    llm_base_url: str | None = Field(default=None, description="OpenAI-compatible URL for the simple_struct reader.")
    llm_model: str | None = None
    llm_api_key: SecretStr = SecretStr("")

    flower_url: str | None = Field(default=None, description="Where Flower is, for `memos status`.")
    flower_user: str = "memos"
    flower_password: SecretStr = SecretStr("")

    limit_in_flight: int = Field(default=0, ge=0, description="Lanes of a tenant at work at once; 0 for no cap.")
    limit_queued: int = Field(default=100_000, ge=1, description="Jobs of a tenant that may wait.")
    limit_lane: int = Field(default=10_000, ge=1, description="Jobs of a lane that may wait.")
    limit_adds_per_s: float = Field(default=0, ge=0, description="Jobs a second that a tenant may submit; 0: any.")
    limit_tokens_per_min: int = Field(default=0, ge=0, description="Tokens a minute that a tenant may submit; 0: any.")
    limit_tokens_per_day: int = Field(default=0, ge=0, description="Tokens a day (UTC) of a tenant; 0: any.")
    on_dead: Literal["continue", "halt"] = Field(
        default="continue", description="Whether a lane goes on past a dead job or waits for a person."
    )
    overload_dwell_s: float = Field(default=30, gt=0, description="Waiting time at which the overload ladder begins.")
    provider_calls: int = Field(default=8, ge=1, description="Calls to one model provider at once, at most.")

    decay_half_life_days: float = Field(
        default=90, gt=0, description="After how many days a memory's importance is half of what it was."
    )
    archive_below: float = Field(
        default=0, ge=0, le=1, description="The importance below which a memory is archived; 0 never archives."
    )
    reorganize: bool = Field(
        default=True, description="Whether workers merge, relate and sum up what is new in a cube, after a lull."
    )
    organize_tokens: int = Field(
        default=16_000, ge=6_000, description="Estimated tokens that a reorganisation may spend on the reader's model."
    )
    organize_seconds: float = Field(
        default=60, gt=0, le=3600, description="After so long a reorganisation begins no page, and awaits no answer."
    )
    retention_days: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Days after which a memory is archived; never by default."
    )
    retention_memories: int | None = Field(
        default=None, ge=1, description="Memories of a cube that stay active, the best ones; any number by default."
    )

    metrics_port: int | None = Field(default=None, description="Port of /metrics, /livez and /readyz; none by default.")
    metrics_host: str = "127.0.0.1"
    warm_stop_s: float = Field(default=20, gt=0, description="How long a stopping worker may finish what it has.")
    worker_max_memory_mb: int = Field(default=4096, ge=256, description="A worker process is renewed beyond this.")
    worker_max_tasks: int = Field(default=20_000, ge=1, description="A worker process is renewed after so many hints.")

    documents_root: Path | None = Field(
        default=None, description="The one directory below which add(doc_path=...) may read; nothing by default."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def kv_root(self) -> Path:
        """Where KV artefacts are."""
        return self.kv_dir or self.data_dir / "kv"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of users and cubes."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'memos.db'}"


class StackFile(TypedDict):
    """The contents of stack.json."""

    format: int
    pid: int
    command: str
    settings: dict[str, Any]
    urls: dict[str, str]
    children: dict[str, int]


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process; raises InvalidConfig with the field, the value and what is allowed."""
    explicit = load_explicit_settings(**overrides)
    try:
        running = find_stack(explicit.data_dir)
    except OSError as error:
        raise InvalidConfig(f"setting data_dir: {explicit.data_dir} cannot be read: {error.strerror}") from None
    if running is None:
        return explicit
    given = explicit.model_dump(include=explicit.model_fields_set)
    return load_explicit_settings(**{**running["settings"], **given})


def load_explicit_settings(**overrides: Any) -> Settings:
    """Settings from arguments and environment alone, whatever runs on the data directory. Raises InvalidConfig."""
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise InvalidConfig(describe_validation_error(error, "setting")) from None


def find_stack(data_dir: Path) -> StackFile | None:
    """The state of the servers running on ``data_dir``, or None when none are.

    The lock outlives a killed owner while its servers are being ended, so the owner must be alive as well.
    """
    path = data_dir / "stack.json"
    if not path.exists() or not is_locked(data_dir):
        return None
    try:
        stack = cast(StackFile, json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None  # it was stopped at this moment, or the file is not ours
    return stack if psutil.pid_exists(stack["pid"]) else None


def is_locked(data_dir: Path) -> bool:
    """True while some process holds the data directory's lock."""
    try:
        handle = os.open(data_dir / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def read_secret(name: str) -> str | None:
    """The value of the environment variable that a configuration refers to as ``env:NAME``, or None."""
    return os.environ.get(name) or None


def child_environment(**changes: str) -> dict[str, str]:
    """The environment for a child process: this one's, with changes."""
    return {**os.environ, **changes}


def describe_validation_error(error: ValidationError, what: str) -> str:
    """One line a user can act on: each field, what is wrong with it, and the value that was given."""
    return "; ".join(_describe_one(cast(dict[str, Any], item), what) for item in error.errors(include_url=False))


def _describe_one(item: dict[str, Any], what: str) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "(the whole)"
    # The whole of a mapping may hold a key.
    hidden = item["type"] == "missing" or not item["loc"] or where.rpartition(".")[2].lower().endswith(_SECRET_ENDINGS)
    shown = "" if hidden else f" (got {item.get('input')!r:.80})"
    return f"{what} {where}: {item['msg']}{shown}"


def _refuse_unknown_variables() -> None:
    known = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX) and name.upper() not in known)
    if unknown:
        raise InvalidConfig(f"unknown environment variable {unknown[0]}; known: {', '.join(sorted(known))}")
