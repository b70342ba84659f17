"""Every behaviour of tests/unit/scheduler/test_metrics.py, on a cluster."""

from tests.unit.scheduler.test_metrics import *  # noqa: F403
