"""Every behaviour of tests/unit/scheduler/test_schedule.py, on a cluster."""

from tests.unit.scheduler.test_schedule import *  # noqa: F403
