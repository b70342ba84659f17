"""How a cube's memories age in a graph: read what is due, age it, write it back, until nothing is due.

    list_due ──> age (memos/organize/decay.py) ──> decay_memories, some rows a transaction ──┐
        ▲                                                                                    │
        └──────────── while there may be more: what was written is not due any more ─────────┘

A row is written only if its version and time are still those that were read. So no memory fades twice, whoever decays
it beside us, one that was pinned or changed meanwhile stays as it is, and what a run that broke off has left, the next
one finds due.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from memos.graph_dbs import rows as layout
from memos.graph_dbs.lane_writer import ROWS_PER_QUERY, Run
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, MemoryId, TenantId, storage_key
from memos.organize.decay import DAY_MS, DecayPolicy, age
from memos.types import MemoryStatus

ROWS_PER_READ: Final = 5000

Transact = Callable[[Callable[[Run], list[Row]]], list[Row]]
"""Runs work in a transaction, several times if need be, and returns what it returned."""


class DecayWriter:
    """Ages the memories of one cube to one time."""

    def __init__(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy, *, now_ms: int) -> None:
        self._tenant = tenant
        self._policy = policy
        self._now_ms = now_ms
        self._names = {"tenant": tenant, "cube": cube, "activated": MemoryStatus.ACTIVATED.value}
        self._stamps = {"now_ms": now_ms, "archived": MemoryStatus.ARCHIVED.value}
        self._cube_key = storage_key(tenant, cube)
        self._above, self._below = layout.cube_range(tenant, cube)

    def run(self, transact: Transact) -> Iterator[MemoryId]:
        """Age all that are due; yields those that were archived."""
        while due := self._read(transact):
            written = list(self._write(transact, due))
            yield from (MemoryId(row["id"]) for row in written if row["archived"])
            if len(due) < ROWS_PER_READ or not written:
                return  # with nothing written, others are at it: the rest is theirs, or the next day's

    def _read(self, transact: Transact) -> list[Row]:
        """What is to be written of memories that are due."""
        bounds = {"above": self._above, "below": self._below, "limit": ROWS_PER_READ}
        times = {"now_ms": self._now_ms, "not_since_ms": self._now_ms - DAY_MS}
        parameters = {**times, **bounds, **self._names}
        found = transact(lambda run: run("list_due", parameters))
        return [self._age(row) for row in found]

    def _age(self, row: Row) -> Row:
        memory = layout.read_memory(row["memory"])
        return layout.decay_row(self._tenant, memory, age(memory, self._policy, now_ms=self._now_ms))

    def _write(self, transact: Transact, rows: list[Row]) -> Iterator[Row]:
        for start in range(0, len(rows), ROWS_PER_QUERY):
            yield from transact(partial(self._write_some, rows=rows[start : start + ROWS_PER_QUERY]))

    def _write_some(self, run: Run, *, rows: list[Row]) -> list[Row]:
        return run("decay_memories", {"rows": rows, "cube_key": self._cube_key, **self._stamps, **self._names})
