"""Every behaviour of tests/unit/scheduler/test_throttle.py, on a cluster."""

from tests.unit.scheduler.test_throttle import *  # noqa: F403
