"""Where memories stand on the plane: those that hang together as one patch, the patches in rows. Pure, repeatable."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from memos.ids import MemoryId
from memos.types import Edge

Point = tuple[float, float]
_SPACING: Final = 1.6
# Wider than high, as pages are and as labels beside the points need.
_STRETCH: Final = 1.8
# A row's length, in sides of the square that has the area of all patches.
_LINE: Final = 1.2
# The part of its square that a patch fills.
_FILLED: Final = 0.76
_SEED: Final = 1


def place(memories: Sequence[MemoryId], edges: Iterable[Edge]) -> dict[MemoryId, Point]:
    """A point for each memory. A patch's width grows with the root of its size, so that all are equally dense.

    Costs the square of the largest patch, some seconds for one of 1000.
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(memories)
    graph.add_edges_from((edge.source, edge.target) for edge in edges)
    patches: list[list[MemoryId]] = [sorted(patch) for patch in nx.connected_components(graph)]
    patches.sort(key=lambda patch: (-len(patch), patch[0]))
    widths = [_SPACING * len(patch) ** 0.5 for patch in patches]
    corners = _pack(widths, line=_LINE * sum(width * width for width in widths) ** 0.5)
    return {
        memory: (_STRETCH * (left + width * x), top - width * y)
        for patch, width, (left, top) in zip(patches, widths, corners, strict=True)
        for memory, (x, y) in _spread(patch, graph).items()
    }


def _pack(widths: Iterable[float], *, line: float) -> list[Point]:
    """The top left corners of squares that come largest first: in rows no longer than a line, but for a lone square."""
    corners: list[Point] = []
    left = top = height = 0.0
    for width in widths:
        if corners and left + width > line:
            left, top, height = 0.0, top - height, 0.0
        corners.append((left, top))
        left, height = left + width, max(height, width)
    return corners


def _spread(patch: Sequence[MemoryId], graph: Any) -> dict[MemoryId, Point]:
    """Points inside the unit square, away from its edges."""
    import networkx as nx
    import numpy as np

    if len(patch) == 1:
        return {patch[0]: (0.5, 0.5)}
    # The order of nodes decides where they go, and the whole graph's may be another each time.
    ordered = nx.Graph()
    ordered.add_nodes_from(patch)
    ordered.add_edges_from(graph.edges(patch))
    found = nx.forceatlas2_layout(ordered, seed=_SEED)
    points = np.array([found[name] for name in patch])
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = 0.5 + (points - (low + high) / 2) / (high - low).max() * _FILLED
    return {name: (float(x), float(y)) for name, (x, y) in zip(patch, scaled, strict=True)}
