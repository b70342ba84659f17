"""Who runs next, in what order, how often. Knows Redis, not the stores. See docs/structure.md."""

from scheduler.scheduler import MemScheduler

__all__ = ["MemScheduler"]
