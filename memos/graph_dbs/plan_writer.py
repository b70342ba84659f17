"""The steps of the one transaction that applies a plan of reorganisation.

is everything that the plan rests on as it was read, and nothing of what it makes there yet? ──no──> nothing is written
          │ yes
          └──> memories and their sources ──> relations ──> summaries removed ──> what was seen is fresh no more

Whoever reorganises the same memories beside us finds them fresh no more, and writes nothing; so does a second call.
"""

from memos.graph_dbs import rows as layout
from memos.graph_dbs.edge_rows import edge_row
from memos.graph_dbs.lane_writer import ROWS_PER_QUERY, Run, run_in_chunks
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, TenantId, storage_key
from memos.organize.plan import Plan
from memos.organize.surroundings import SUMMARY_SESSION
from memos.types import MemoryStatus


class PlanWriter:
    """Writes plans into one cube."""

    def __init__(self, tenant: TenantId, cube: CubeId) -> None:
        self._tenant = tenant
        self._cube = cube
        self._names = {"tenant": tenant, "cube": cube}
        self._cube_key = storage_key(tenant, cube)

    def write(self, run: Run, plan: Plan) -> bool:
        """Write all of it; False, and nothing written, when something has changed since the plan was made."""
        if not self._holds(run, plan):
            return False
        refreshed = [layout.planned_row(self._tenant, summary.memory) for summary in plan.refreshed]
        run_in_chunks(run, "forget_sources", refreshed, {})
        written = [layout.planned_row(self._tenant, memory) for memory in (*plan.written, *plan.made)]
        run_in_chunks(run, "write_planned", written, {})
        self._relate(run, plan)
        retired = layout.keys_of(self._tenant, self._cube, (memory.id for memory in plan.retired))
        run("delete_memories", {"keys": retired, **self._names})
        seen = [{"key": key} for key in layout.keys_of(self._tenant, self._cube, plan.seen)]
        run_in_chunks(run, "settle_memories", seen, self._names)
        return True

    def _holds(self, run: Run, plan: Plan) -> bool:
        """Locks what the plan rests on, always in the same order."""
        rows = layout.expected_rows(self._tenant, self._cube, plan)
        found = 0
        for start in range(0, len(rows), ROWS_PER_QUERY):
            some = {"rows": rows[start : start + ROWS_PER_QUERY], "cube_key": self._cube_key}
            found += len(run("check_planned", {**some, **self._names}))
        made = layout.keys_of(self._tenant, self._cube, (memory.id for memory in plan.made))
        return found == len(rows) and not run("find_keys", {"keys": made, **self._names})

    def _relate(self, run: Run, plan: Plan) -> None:
        ended = [edge_row(self._tenant, self._cube, edge) for edge in plan.unlinked]
        run_in_chunks(run, "unlink", ended, self._names)
        linked = [edge_row(self._tenant, self._cube, edge) for edge in plan.edges]
        run_in_chunks(run, "link", linked, self._names)


def hiding_parameters(tenant: TenantId, cube: CubeId, keys: list[str]) -> Row:
    """What hide_summaries.cypher takes."""
    words = {"session": SUMMARY_SESSION, "archived": MemoryStatus.ARCHIVED.value}
    return {"keys": keys, "cube_key": storage_key(tenant, cube), "tenant": tenant, "cube": cube, **words}
