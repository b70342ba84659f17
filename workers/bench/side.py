"""What is measured: something that takes jobs, and workers behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job. Its payload says what the worker does with it: workers/bench/bell.py."""

    tenant: str
    session: str
    payload: Mapping[str, Any]


class Side(Protocol):
    """Our job path, or bare Celery."""

    def send(self, job: Job) -> None:
        """Hand the job over; it is accepted when this returns."""
        ...

    def wait_drained(self, *, tenant: str | None = None) -> float:
        """Block until all that was sent has ended; when the last of it did, in seconds since the epoch.

        With ``tenant`` that tenant's jobs only, where the side can tell them apart. Raises Unavailable when it takes
        too long or a job did not succeed.
        """
        ...
