"""The fixtures of real workers, for this folder."""

from tests.support.worker_fixtures import path_settings, processes, scheduler

__all__ = ["path_settings", "processes", "scheduler"]
