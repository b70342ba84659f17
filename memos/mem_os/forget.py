"""MOS's call that forgets a user: what was said, what came of it, and what still waits to be read.

jobs ──> cancelled, dead letters dropped ──> every cube of the tenant (memories/textual/forgetting.py) ──> receipt
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from memos import ids
from memos.errors import AccessDenied, Unavailable
from memos.ids import UserId
from memos.mem_os.core import Calls
from memos.mem_scheduler.base import Scheduler
from memos.mem_user.policy import oversees
from memos.memories.textual.forgetting import ForgottenCounts
from memos.types import FINAL_STATES, JobRecord, JobState

_PATIENCE_S: Final = 30.0
_PAGE: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What forgetting a user removed; a second run counts nothing. ``jobs`` were waiting, at work or dead."""

    user_id: str
    memories: int
    messages: int
    artefacts: int
    jobs: int


class ForgetCalls(Calls):
    """Forgetting."""

    def forget_user(self, user_id: str) -> Receipt:
        """Remove what a user said, in every cube of the tenant, and what rests on nothing else; returns a receipt.

        Summaries of that go too; what others said stays. The account and its cubes stay, and objects of the
        application's own are not touched. Jobs that wait are cancelled first, where the scheduler is on.

        Raises AccessDenied unless the user of the configuration is that user, root or admin, NotFound for an unknown
        one, and Unavailable when a store is away or a job does not end: the same call again does the rest.
        """
        self._require_text()
        actor, user = self._actor(), ids.user_id(user_id)
        if user != actor.id and not oversees(actor.role):
            raise AccessDenied(f"user {actor.id!r} may have nobody else forgotten; ask an admin")
        self._user(user)
        jobs = 0 if self._parts.scheduler is None else self._end_jobs(self._parts.scheduler, user)
        found = self._forget_everywhere(user)
        self._parts.history_marks.forget(self._parts.tenant, user)
        return Receipt(
            user_id=user, memories=found.memories, messages=found.messages, artefacts=found.artefacts, jobs=jobs
        )

    def _forget_everywhere(self, user: UserId) -> ForgottenCounts:
        tenant, total = self._parts.tenant, ForgottenCounts()
        for cube in self._parts.access.users.list_all_cubes(tenant):
            total += self._parts.forgetter.forget(tenant, cube.id, user)
        return total

    def _end_jobs(self, scheduler: Scheduler, user: UserId) -> int:
        tenant = self._parts.tenant
        waiting = [record for record in self._unfinished(scheduler) if record.user == user]
        for record in waiting:
            scheduler.cancel(tenant, record.id)
        ended = scheduler.wait(tenant, [record.id for record in waiting], timeout_s=_PATIENCE_S)
        still = sum(record.state not in FINAL_STATES for record in ended)
        if still:
            raise Unavailable("workers", f"{still} jobs of {user!r} are still at work; repeat when they have ended")
        return len(waiting) + scheduler.drop_dead(tenant, user)

    def _unfinished(self, scheduler: Scheduler) -> Iterator[JobRecord]:
        for state in (each for each in JobState if each not in FINAL_STATES):
            offset = 0
            while page := scheduler.list_jobs(self._parts.tenant, state=state, limit=_PAGE, offset=offset):
                yield from page
                offset += len(page)
