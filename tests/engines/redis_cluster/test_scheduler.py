"""Every behaviour of tests/unit/scheduler/test_scheduler.py, on a cluster."""

from tests.unit.scheduler.test_scheduler import *  # noqa: F403
