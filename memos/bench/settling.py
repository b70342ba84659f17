"""Waiting for the work that follows an ingestion (the index sealed, what is new put in order), so that it is in no
figure but its own."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.mem_scheduler.base import Scheduler
from memos.mem_scheduler.factory import build_scheduler
from memos.settings import Settings
from memos.types import FINAL_STATES, JobKind

_WAIT_S: Final = 600.0
_PAUSE_S: Final = 0.5


def wait_until_settled(settings: Settings, tenants: Sequence[TenantId]) -> None:
    """Until the newest organize job of each tenant has ended. Raises Unavailable after ten minutes."""
    with closing(build_scheduler(settings)) as scheduler:
        deadline = time.monotonic() + _WAIT_S
        while any(_is_busy(scheduler, tenant) for tenant in tenants):
            if time.monotonic() > deadline:
                raise Unavailable("bench", f"the work behind an ingestion did not end within {_WAIT_S:g} s")
            time.sleep(_PAUSE_S)


def _is_busy(scheduler: Scheduler, tenant: TenantId) -> bool:
    newest = scheduler.list_jobs(tenant, kind=JobKind.ORGANIZE, limit=1)
    return bool(newest) and newest[0].state not in FINAL_STATES
