"""From settings to a scheduler."""

from typing import Any, cast

from memos.configs.scheduler import RedisSchedulerConfig, SchedulerConfigFactory
from memos.configs.secret import reveal
from memos.mem_scheduler.base import Scheduler
from memos.recall.use import MOST_COUNTED, UseCounts
from memos.settings import Settings


def build_scheduler(settings: Settings) -> Scheduler:
    """The scheduler on the Redis that the settings name; connects on first use. Raises InvalidConfig."""
    from scheduler import MemScheduler

    return MemScheduler.from_settings(settings)


def build_use_counts(settings: Settings) -> UseCounts:
    """The use counts of all processes, on the Redis of the settings; connects on first use. Raises InvalidConfig."""
    from scheduler.connection import require_redis_url
    from scheduler.uses import RedisUseCounts

    return RedisUseCounts.from_url(require_redis_url(settings), most=MOST_COUNTED)


def choose_settings(config: SchedulerConfigFactory | None, settings: Settings) -> Settings:
    """The settings, with what ``config`` gives in their place. Raises InvalidConfig for a variable that is not set."""
    if config is None:
        return settings
    chosen = cast(RedisSchedulerConfig, config.config)
    given: dict[str, Any] = chosen.model_dump(exclude_none=True, exclude={"redis_url"})
    if chosen.redis_url is not None:
        given["redis_url"] = reveal(chosen.redis_url)
    return settings.model_copy(update=given)
