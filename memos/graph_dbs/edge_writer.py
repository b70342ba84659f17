"""Relations between memories, written and removed in one transaction.

are all ends in this cube? ──no──> NotFound; nothing is written
          │ yes
          └──> one MERGE an edge
"""

from collections.abc import Sequence
from typing import Final

from memos.errors import NotFound
from memos.graph_dbs.edge_rows import edge_row
from memos.graph_dbs.lane_writer import ROWS_PER_QUERY, Run, run_in_chunks
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, MemoryId, TenantId, storage_key
from memos.types import Edge

# What a query without a limit gives as its limit.
ALL: Final = 2**31 - 1


class EdgeWriter:
    """Writes relations inside one cube."""

    def __init__(self, tenant: TenantId, cube: CubeId) -> None:
        self._tenant = tenant
        self._cube = cube
        self._names = {"tenant": tenant, "cube": cube}

    def link(self, run: Run, edges: Sequence[Edge]) -> None:
        """Relate memories. Raises NotFound; the transaction is then to be rolled back."""
        ends = {end for edge in edges for end in (edge.source, edge.target)}
        self._require(run, sorted(ends))
        run_in_chunks(run, "link", self._rows(edges), self._names)

    def unlink(self, run: Run, edges: Sequence[Edge]) -> int:
        """Remove relations; returns how many there were."""
        rows = self._rows(edges)
        chunks = [rows[start : start + ROWS_PER_QUERY] for start in range(0, len(rows), ROWS_PER_QUERY)]
        return sum(int(run("unlink", {"rows": chunk, **self._names})[0]["deleted"]) for chunk in chunks)

    def _require(self, run: Run, ends: Sequence[MemoryId]) -> None:
        keys = {storage_key(self._tenant, self._cube, end): end for end in ends}
        found = {row["key"] for row in run("find_keys", {"keys": list(keys), **self._names})}
        missing = [end for key, end in keys.items() if key not in found]
        if missing:
            raise NotFound(f"no memory {missing[0]!r} in cube {self._cube!r}; nothing was linked")

    def _rows(self, edges: Sequence[Edge]) -> list[Row]:
        return [edge_row(self._tenant, self._cube, edge) for edge in edges]
