"""What a transaction does for the revisions of its jobs: names of queries, each with its rows. Pure.

    said again ──> reinforce_memories     ended ──> end_memories     relations ──> link

A memory that was deleted since the revision was made matches nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memos.graph_dbs import rows as layout
from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.edge_rows import edge_row
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, TenantId, storage_key
from memos.organize.revise import REINFORCEMENT, Ending, Reinforcement
from memos.types import DEFAULT_IMPORTANCE

Step = tuple[str, list[Row], Mapping[str, Any]]
"""A query's name, its ``$rows``, and its other parameters."""


def revision_steps(tenant: TenantId, cube: CubeId, writes: Sequence[JobWrite]) -> Iterator[Step]:
    """The steps in their order; those without rows cost nothing."""
    revisions = [write.revision for write in writes]
    names = {"tenant": tenant, "cube": cube}
    changes = {"cube_key": storage_key(tenant, cube), **names}
    gain = {"gain": REINFORCEMENT, "default_importance": DEFAULT_IMPORTANCE}
    reinforced = [_reinforced_row(tenant, cube, each) for revision in revisions for each in revision.reinforced]
    yield "reinforce_memories", reinforced, {**changes, **gain}
    ended = [_ended_row(tenant, cube, each) for revision in revisions for each in revision.ended]
    yield "end_memories", ended, changes
    edges = (edge for revision in revisions for edge in revision.edges)
    yield "link", [edge_row(tenant, cube, edge) for edge in edges], names


def _reinforced_row(tenant: TenantId, cube: CubeId, again: Reinforcement) -> Row:
    return {
        "key": storage_key(tenant, cube, again.memory),
        "said_at_ms": again.said_at_ms,
        "at_ms": again.at_ms,
        "source_ids": list(again.source_ids),
        "source_keys": layout.keys_of(tenant, cube, again.source_ids),
    }


def _ended_row(tenant: TenantId, cube: CubeId, ending: Ending) -> Row:
    key = storage_key(tenant, cube, ending.memory)
    return {"key": key, "invalid_at_ms": ending.invalid_at_ms, "at_ms": ending.at_ms}
