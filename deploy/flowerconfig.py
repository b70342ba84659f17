"""Flower's options in production, the same as in the local stack. Set MEMOS_FLOWER_USER and MEMOS_FLOWER_PASSWORD."""

from memos.local.flowerconfig import (
    basic_auth,
    max_tasks,
    natural_time,
    purge_offline_workers,
    read_only,
    tasks_columns,
)

__all__ = ["basic_auth", "max_tasks", "natural_time", "purge_offline_workers", "read_only", "tasks_columns"]
