"""Relations between the memories of one cube, as an application sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from memos.errors import InvalidRequest
from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.item import TextualEdge
from memos.types import Edge

# Relations are asked for so many memories at a time.
_PAGE: Final = 1000
MAX_DEPTH: Final = 10

GivenEdge = TextualEdge | Mapping[str, Any]
"""An edge, or its source, target and type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """Makes, removes and reads relations of one cube."""

    graph: GraphStore
    tenant: TenantId
    cube: CubeId

    def link(self, edges: Sequence[GivenEdge] | GivenEdge) -> None:
        """Relate memories, all or none. Raises NotFound, InvalidRequest."""
        self.graph.link(self.tenant, self.cube, parse_edges(edges))

    def unlink(self, edges: Sequence[GivenEdge] | GivenEdge) -> int:
        """Remove relations; returns how many there were."""
        return self.graph.unlink(self.tenant, self.cube, parse_edges(edges))

    def touching(self, memories: Sequence[MemoryId]) -> list[TextualEdge]:
        """The relations that begin or end at these memories, each once, sorted."""
        found = {edge: None for page in _pages(memories) for edge in self._find(page)}
        return [_shown(edge) for edge in sorted(found, key=lambda edge: (edge.source, edge.target, edge.type))]

    def among(self, memories: Sequence[MemoryId]) -> list[TextualEdge]:
        """The relations of which both ends are in this list, each once, sorted."""
        known = set(memories)
        return [edge for edge in self.touching(memories) if edge.source in known and edge.target in known]

    def around(self, start: Sequence[MemoryId], *, depth: int) -> list[TextualEdge]:
        """The relations on all ways of up to ``depth`` steps from these memories, each once, sorted."""
        seen, frontier = set(start), list(start)
        found: dict[TextualEdge, None] = {}
        for _ in range(depth):
            step = self.touching(frontier)
            found |= dict.fromkeys(step)
            frontier = sorted({MemoryId(end) for edge in step for end in (edge.source, edge.target)} - seen)
            seen.update(frontier)
            if not frontier:
                break
        return sorted(found, key=lambda edge: (edge.source, edge.target, edge.type))

    def _find(self, memories: Sequence[MemoryId]) -> list[Edge]:
        return self.graph.find_edges(self.tenant, self.cube, memories)


def parse_edges(given: Sequence[GivenEdge] | GivenEdge) -> list[Edge]:
    """What a caller handed over, as edges. Raises InvalidRequest, naming the position."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [_parse(edge, f"edges[{position}]") for position, edge in enumerate(several)]


def parse_depth(value: object) -> int:
    """Check how many steps to go. Raises InvalidRequest."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_DEPTH:
        raise InvalidRequest(f"depth must be a whole number from 0 to {MAX_DEPTH}, not {value!r:.40}")
    return value


def _parse(given: object, what: str) -> Edge:
    if not isinstance(given, TextualEdge | Mapping):
        raise InvalidRequest(f"{what} must be an edge or a mapping with source, target and type, not {given!r:.80}")
    edge = given if isinstance(given, TextualEdge) else TextualEdge(**cast(Mapping[str, Any], given))
    return Edge(source=MemoryId(edge.source), target=MemoryId(edge.target), type=edge.type)


def _shown(edge: Edge) -> TextualEdge:
    return TextualEdge(source=edge.source, target=edge.target, type=edge.type)


def _pages(memories: Sequence[MemoryId]) -> list[Sequence[MemoryId]]:
    return [memories[start : start + _PAGE] for start in range(0, len(memories), _PAGE)]
