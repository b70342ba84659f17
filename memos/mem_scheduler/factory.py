"""From settings to a scheduler."""

from memos.mem_scheduler.base import Scheduler
from memos.settings import Settings


def build_scheduler(settings: Settings) -> Scheduler:
    """The scheduler on the Redis that the settings name; connects on first use. Raises InvalidConfig."""
    from scheduler import MemScheduler

    return MemScheduler.from_settings(settings)
