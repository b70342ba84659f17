"""The operator's door to scheduling: dead letters, tenants' shares and limits, and forgetting a tenant."""

from memos.errors import InvalidConfig
from memos.settings import Settings
from scheduler.dead import DeadFilter, DeadLetters
from scheduler.limits import TenantPolicy, Usage
from scheduler.scheduler import MemScheduler

__all__ = ["DeadFilter", "DeadLetters", "MemScheduler", "TenantPolicy", "Usage", "open_operation"]


def open_operation(settings: Settings) -> MemScheduler:
    """The scheduler with all that an operator may do. Raises InvalidConfig when none is known."""
    if settings.redis_url is None:
        raise InvalidConfig("no scheduler is running; start one with `memos up`, or set MEMOS_REDIS_URL")
    return MemScheduler.from_settings(settings)
