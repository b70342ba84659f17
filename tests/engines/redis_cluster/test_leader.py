"""Every behaviour of tests/unit/scheduler/test_leader.py, on a cluster."""

from tests.unit.scheduler.test_leader import *  # noqa: F403
