"""Every behaviour of tests/unit/scheduler/test_mailbox_invariants.py, on a cluster."""

from tests.unit.scheduler.test_mailbox_invariants import *  # noqa: F403
