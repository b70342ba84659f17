"""How relations between memories become rows, and back. Pure; the keys are laid out in rows.py."""

from collections.abc import Iterable, Sequence

from memos.errors import InvalidRequest
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, MemoryId, TenantId, storage_key
from memos.types import RELATIONS, Edge, EdgeType


def edge_row(tenant: TenantId, cube: CubeId, edge: Edge) -> Row:
    """A relation as link.cypher and unlink.cypher take it."""
    ends = {"source": storage_key(tenant, cube, edge.source), "target": storage_key(tenant, cube, edge.target)}
    return {**ends, "type": edge.type.value}


def read_edges(found: Iterable[Sequence[str]]) -> list[Edge]:
    """Each relation once, from the ids of its ends and its type."""
    edges = (
        Edge(source=MemoryId(source), target=MemoryId(target), type=EdgeType(kind)) for source, target, kind in found
    )
    return list(dict.fromkeys(edges))


def distinct_edges(edges: Iterable[Edge]) -> list[Edge]:
    """The edges without repetitions. Raises InvalidRequest for what is no relation between two memories."""
    known = list(dict.fromkeys(edges))
    for edge in known:
        if edge.source == edge.target:
            raise InvalidRequest(f"memory {edge.source!r:.80} cannot be related to itself")
        if edge.type not in RELATIONS:
            raise InvalidRequest(
                f"an edge {edge.type} comes with the sources of a memory; it cannot be made or removed"
            )
    return known
