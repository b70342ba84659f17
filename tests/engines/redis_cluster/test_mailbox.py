"""Every behaviour of tests/unit/scheduler/test_mailbox.py, on a cluster."""

from tests.unit.scheduler.test_mailbox import *  # noqa: F403
