"""The drawing: memories as dots, relations as lines with a head near what they lead to. For bokeh, which is optional.

Whoever looks can move, zoom, point at things, and click in the legend to hide a sort of them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from memos.ids import MemoryId
from memos.types import Edge, EdgeType, MemoryType
from memos.view.card import Card, Said, shorten
from memos.view.layout import Point
from memos.view.standing import Standing

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure as Figure

# Okabe and Ito's palette, which colour-blind people can tell apart.
TYPE_COLOURS: Final[Mapping[MemoryType, str]] = {
    MemoryType.WORKING: "#E69F00",
    MemoryType.LONG_TERM: "#0072B2",
    MemoryType.USER: "#009E73",
    MemoryType.OUTER: "#CC79A7",
}
_RELATION_LOOKS: Final[Mapping[EdgeType, tuple[str, str]]] = {
    EdgeType.PARENT: ("#555555", "solid"),
    EdgeType.RELATES: ("#aaaaaa", "solid"),
    EdgeType.CAUSE: ("#D55E00", "solid"),
    EdgeType.FOLLOWS: ("#56B4E9", "solid"),
    EdgeType.MERGED_TO: ("#555555", "dotted"),
    EdgeType.SUPERSEDES: ("#8B0000", "dashed"),
    EdgeType.CONTRADICTS: ("#FF0000", "dotdash"),
}
_HEIGHT_PX: Final = 620
# Of a dot: among few memories, and at least.
_DOT_PX: Final = (16, 6)
_FEW: Final = 60
# How far along its line a head is, and how far lines between the same two memories are from each other.
_HEAD_AT: Final = 0.62
_APART: Final = 0.07
_HEAD_SHARE: Final = 0.65
_LABEL_CHARS: Final = 20
_TEXT_CHARS: Final = 400
_MENTION_CHARS: Final = 80
_SOURCES_SHOWN: Final = 3
_SOURCE_CHARS: Final = 160

_BOX: Final = '<div dir="auto" style="max-width: 30em; white-space: pre-line; overflow-wrap: anywhere">'
_MEMORY_TIP: Final = f"{_BOX}<b>@number. @text</b>\n@about\n<i>@times</i>\n@sources</div>"
_RELATION_TIP: Final = f"{_BOX}<b>@relation</b>\n@source_text\n→ @target_text</div>"


def build_figure(cards: Sequence[Card], edges: Sequence[Edge], places: Mapping[MemoryId, Point]) -> "Figure":
    """A bokeh figure. Every string of a memory is a value in a column, which bokeh shows as text."""
    from bokeh.models import HoverTool
    from bokeh.plotting import figure

    # Zooming and moving keep both axes alike, and so the heads' angles right.
    plot = figure(height=_HEIGHT_PX, sizing_mode="stretch_width", match_aspect=True, tools="pan,wheel_zoom,reset,save")
    plot.axis.visible = plot.grid.visible = False
    plot.toolbar.logo = None
    lines = _draw_relations(plot, cards, edges, places)
    dots = _draw_memories(plot, cards, places)
    plot.add_tools(
        HoverTool(renderers=lines, tooltips=_RELATION_TIP, description="What a line is"),
        HoverTool(renderers=dots, tooltips=_MEMORY_TIP, description="What a dot is"),
    )
    _draw_labels(plot, cards, places)
    for legend in plot.legend:
        legend.click_policy = "hide"
        plot.add_layout(legend, "right")
    return plot


def dot_px(count: int) -> float:
    """How wide a dot is among so many: together they cover no more than a few do, until they would vanish."""
    widest, least = _DOT_PX
    return max(widest * min(1.0, (_FEW / max(count, 1)) ** 0.5), least)


def _draw_relations(
    plot: "Figure", cards: Sequence[Card], edges: Iterable[Edge], places: Mapping[MemoryId, Point]
) -> list[Any]:
    drawn: list[Any] = []
    rows = _relation_rows(cards, edges, places)
    for relation, (colour, dash) in _RELATION_LOOKS.items():
        chosen = [row for row in rows if row["relation"] == relation.value]
        if chosen:
            looks: dict[str, Any] = {"source": _source(chosen), "color": colour, "legend_label": relation.value}
            drawn.append(plot.segment("x0", "y0", "x1", "y1", line_width=2, line_dash=dash, name="relation", **looks))
            plot.scatter(
                "head_x",
                "head_y",
                marker="triangle",
                angle="angle",
                size=_HEAD_SHARE * dot_px(len(cards)),
                name="head",
                **looks,
            )
    return drawn


def _relation_rows(
    cards: Sequence[Card], edges: Iterable[Edge], places: Mapping[MemoryId, Point]
) -> list[dict[str, Any]]:
    texts = {card.id: f"{card.number}. {shorten(card.text, _MENTION_CHARS)}" for card in cards}
    met: dict[frozenset[MemoryId], int] = {}
    rows: list[dict[str, Any]] = []
    for edge in edges:
        ends = frozenset((edge.source, edge.target))
        nth = met[ends] = met.get(ends, -1) + 1
        names = {"source_text": texts[edge.source], "target_text": texts[edge.target], "relation": edge.type.value}
        rows.append(names | _line(places[edge.source], places[edge.target], nth))
    return rows


def _line(start: Point, end: Point, nth: int) -> dict[str, float]:
    """The ``nth`` line between two points, beside those before it, with its head."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    # Of a pair that is met both ways, seen from the same side.
    side = 1 if start < end else -1
    shift = side * _APART * ((nth + 1) // 2) * (-1) ** nth
    dx, dy = -math.sin(angle) * shift, math.cos(angle) * shift
    x0, y0, x1, y1 = start[0] + dx, start[1] + dy, end[0] + dx, end[1] + dy
    head = {"head_x": x0 + (x1 - x0) * _HEAD_AT, "head_y": y0 + (y1 - y0) * _HEAD_AT}
    # A triangle points up at first.
    return {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "angle": angle - math.pi / 2, **head}


def _draw_memories(plot: "Figure", cards: Sequence[Card], places: Mapping[MemoryId, Point]) -> list[Any]:
    """Full dots for what counts, hollow and dashed ones for what does no more."""
    drawn: list[Any] = []
    for (memory_type, colour), current in product(TYPE_COLOURS.items(), (True, False)):
        chosen = [card for card in cards if card.memory_type == memory_type.value and _counts(card) is current]
        if chosen:
            fill, dash = (colour, "solid") if current else ("white", "dashed")
            looks: dict[str, Any] = {"fill_color": fill, "line_color": colour, "line_dash": dash, "line_width": 2}
            label = memory_type.value if current else f"{memory_type.value}, past"
            source = _source([_dot(card, places[card.id]) for card in chosen])
            looks |= {"size": dot_px(len(cards)), "legend_label": label, "name": "memory"}
            drawn.append(plot.scatter("x", "y", source=source, **looks))
    return drawn


def _counts(card: Card) -> bool:
    return card.standing is Standing.CURRENT


def _dot(card: Card, point: Point) -> dict[str, Any]:
    more = len(card.sources) - _SOURCES_SHOWN + card.more_sources
    said = [_quote(source) for source in card.sources[:_SOURCES_SHOWN]] + ([f"and {more} more"] if more > 0 else [])
    times = (("said", card.said_at), ("valid from", card.valid_at), ("until", card.invalid_at))
    return {
        "x": point[0],
        "y": point[1],
        "number": str(card.number),
        "text": shorten(card.text, _TEXT_CHARS),
        "about": f"{card.memory_type}, {card.category}, {card.standing.value}",
        "times": ", ".join(f"{name} {time}" for name, time in times if time),
        "sources": "\n".join(said),
    }


def _draw_labels(plot: "Figure", cards: Sequence[Card], places: Mapping[MemoryId, Point]) -> None:
    """The first words beside each dot, where there are not too many to be read."""
    if len(cards) > _FEW:
        return
    rows = [
        {
            "x": places[card.id][0],
            "y": places[card.id][1],
            "label": f"{card.number}. {shorten(card.text, _LABEL_CHARS)}",
        }
        for card in cards
    ]
    plot.text(
        "x", "y", text="label", source=_source(rows), x_offset=11, y_offset=4, text_font_size="11px", name="label"
    )


def _source(rows: Sequence[Mapping[str, Any]]) -> "ColumnDataSource":
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({name: [row[name] for row in rows] for name in rows[0]})


def _quote(said: Said) -> str:
    head = ", ".join(part for part in (said.speaker, said.at) if part)
    return f"{head}: “{shorten(said.text, _SOURCE_CHARS)}”"
