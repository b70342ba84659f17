"""What a handler gets, and what is asked of one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memos.ids import JobId
from memos.types import Lane
from scheduler.lease import JobOutcome, LeasedJob
from workers.bootstrap import Resources


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Jobs of one lane, in order, at least one.

    ``fence`` goes with every write to a store that can check it. ``save_answers`` keeps what a model answered before
    it is applied. ``ensure_held`` is cheap; call it before an effect, above all one that no store can fence. Both raise
    Fenced when somebody newer has the lane, and Cancelled when one of the jobs was cancelled: let them pass.
    ``progress`` takes how much is done and of how much, in units of the handler's choice; it shows in the jobs'
    records within about a second. ``overload`` is the level of the overload ladder, 0 for none (memos.types.Step).
    """

    lane: Lane
    fence: int
    jobs: tuple[LeasedJob, ...]
    save_answers: Callable[[Mapping[JobId, str]], None]
    ensure_held: Callable[[], None]
    progress: Callable[[int, int], None]
    overload: int = 0


class Handler(Protocol):
    """Does the work of one kind of job. Extension point: see workers/handlers/__init__.py."""

    def __call__(self, batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
        """Apply all jobs and return one outcome for each, in order.

        A job that can never succeed gets an outcome with a ``failure``. An exception is about the whole batch, and
        scheduler/retry.py says what follows: every job is attempted again, so effects must bear being repeated.
        """
        ...
