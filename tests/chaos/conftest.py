"""Runs with real faults take minutes: `make chaos-short` runs them by their names, `make test` does not."""

from pathlib import Path

import pytest

from tests.support.worker_fixtures import path_settings, processes, scheduler

__all__ = ["path_settings", "processes", "scheduler"]
_BY_NAME_ONLY = ("test_chaos_short.py", "test_defects.py", "test_worker_stall.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave it out unless an argument names it."""
    if collection_path.name not in _BY_NAME_ONLY:
        return None
    return None if any(collection_path.name in argument for argument in config.args) else True
