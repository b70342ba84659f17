"""Cubes that commands name."""

from contextlib import closing

from memos.errors import NotFound
from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, TenantId
from memos.mem_user.factory import build_user_store
from memos.settings import Settings


def require_cube(settings: Settings, graph: GraphStore, tenant: TenantId, cube: CubeId) -> None:
    """Raise NotFound for a cube that no user has and that has no memories."""
    with closing(build_user_store(settings)) as users:
        known = users.find_cube(tenant, cube) is not None
    if not known and not graph.list_memories(tenant, cube, status=None, limit=1):
        raise NotFound(f"tenant {tenant!r} has no cube {cube!r}; see --tenant and --data-dir")
