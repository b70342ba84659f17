"""The steps of the one transaction that applies jobs to a lane.

lock the lane ──> is its fence newer than ours? ──yes──> Fenced; nothing is written
                       │ no
                       └──> leave out applied jobs ──> messages ──> memories and edges ──> rewritten ones
                                                         Job nodes, numbering <── revisions <──┘
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from memos.errors import Fenced
from memos.graph_dbs import rows as layout
from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.message_rows import job_row, message_rows
from memos.graph_dbs.revision_rows import revision_steps
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, SessionId, TenantId, storage_key

ROWS_PER_QUERY: Final = 250

Run = Callable[[str, Mapping[str, Any]], list[Row]]
"""Runs a named query with its parameters inside a transaction, and returns its rows."""


class LaneWriter:
    """Writes jobs into one lane under one fence."""

    def __init__(self, tenant: TenantId, cube: CubeId, session: SessionId, fence: int | None, *, bulk: bool) -> None:
        self._tenant = tenant
        self._cube = cube
        self._session = session
        self._fence = fence
        self._bulk = bulk
        self._key = storage_key(tenant, cube, session)

    def write(self, run: Run, writes: Sequence[JobWrite]) -> None:
        """Write the jobs that have not been applied. Raises Fenced; the transaction is then to be rolled back."""
        first_seq = self._lock(run)
        fresh = self._without_applied(run, writes)
        if not fresh:
            return
        where = (self._tenant, self._cube, self._session)
        messages = message_rows(*where, fresh, first_seq=first_seq)
        jobs = [job_row(*where, write) for write in fresh]
        run_in_chunks(run, "write_messages", messages, {})
        self._write_memories(run, fresh)
        self._rewrite_memories(run, fresh)
        for name, rows, parameters in revision_steps(self._tenant, self._cube, fresh):
            run_in_chunks(run, name, rows, parameters)
        run_in_chunks(run, "write_jobs", jobs, {"lane_key": self._key, "next_seq": first_seq + len(messages)})

    def _write_memories(self, run: Run, writes: Sequence[JobWrite]) -> None:
        replacing = (memory for write in writes if write.replaces for memory in write.made)
        _replace(run, [layout.memory_row(self._tenant, memory) for memory in replacing])
        kept = (memory for write in writes if not write.replaces for memory in write.made)
        run_in_chunks(run, "write_memories", [layout.memory_row(self._tenant, memory) for memory in kept], {})

    def _rewrite_memories(self, run: Run, writes: Sequence[JobWrite]) -> None:
        """What somebody else has changed or deleted meanwhile stays so."""
        rows = [layout.rewritten_row(self._tenant, memory) for write in writes for memory in write.rewritten]
        names = {"tenant": self._tenant, "cube": self._cube}
        found = run_in_chunks(run, "lock_memories", rows, names)
        unchanged = {row["key"] for row in found}
        _replace(run, [row for row in rows if row["key"] in unchanged])

    def _lock(self, run: Run) -> int:
        names = {"tenant": self._tenant, "cube": self._cube, "session": self._session}
        (lane,) = run("lock_lane", {"key": self._key, "fence": self._fence, "bulk": self._bulk, **names})
        if self._fence is not None and lane["fence"] > self._fence:
            raise Fenced(
                f"lane {self._cube}/{self._session}: fence {self._fence} is stale, {lane['fence']} has written here; "
                "nothing was written"
            )
        return int(lane["next_seq"])

    def _without_applied(self, run: Run, writes: Sequence[JobWrite]) -> list[JobWrite]:
        keys = layout.keys_of(self._tenant, self._cube, [write.job for write in writes])
        names = {"tenant": self._tenant, "cube": self._cube}
        applied = {row["id"] for row in run("find_applied", {"keys": keys, **names})}
        return [write for write in writes if write.job not in applied]


def run_in_chunks(run: Run, name: str, rows: Sequence[Row], parameters: Mapping[str, Any]) -> list[Row]:
    """Run a query over ``$rows``, a limited number of them at a time; all that it returned."""
    chunks = (rows[start : start + ROWS_PER_QUERY] for start in range(0, len(rows), ROWS_PER_QUERY))
    return [found for chunk in chunks for found in run(name, {"rows": chunk, **parameters})]


def _replace(run: Run, rows: Sequence[Row]) -> None:
    run_in_chunks(run, "forget_sources", rows, {})
    run_in_chunks(run, "replace_memories", rows, {})
