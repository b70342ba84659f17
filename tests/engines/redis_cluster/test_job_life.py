"""Every behaviour of tests/unit/scheduler/test_job_life.py, on a cluster."""

from tests.unit.scheduler.test_job_life import *  # noqa: F403
