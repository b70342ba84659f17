"""Configuration of the way to the workers, for one MOS object."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class RedisSchedulerConfig(BaseConfig):
    """What this object's jobs are submitted to, and under which limits; what is not given is that of the settings.

    The dispatcher and the workers are processes of their own, and go by their own settings.
    """

    redis_url: Secret | None = Field(default=None, description="Data plane of mailboxes and job records, or env:NAME.")
    limit_queued: int | None = Field(default=None, ge=1, description="Jobs of the tenant that may wait.")
    limit_lane: int | None = Field(default=None, ge=1, description="Jobs of a lane that may wait.")
    limit_adds_per_s: float | None = Field(default=None, ge=0, description="Jobs a second; 0: any number.")
    limit_tokens_per_min: int | None = Field(default=None, ge=0, description="Tokens a minute; 0: any number.")
    limit_tokens_per_day: int | None = Field(default=None, ge=0, description="Tokens a day (UTC); 0: any number.")


class SchedulerConfigFactory(BackendConfig):
    """``{"backend": "redis" | "general_scheduler", "config": {...}}``; the second is MemOS's name for it."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "redis": RedisSchedulerConfig,
        "general_scheduler": RedisSchedulerConfig,
    }
