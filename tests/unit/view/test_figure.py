"""The drawing: which sort looks how, and which way lines lead."""

import math
from typing import TYPE_CHECKING, Any

import pytest

from memos.types import RELATIONS, EdgeType, MemoryType
from memos.view.card import build_cards
from memos.view.figure import TYPE_COLOURS, build_figure, dot_px
from tests.support.sample_graph import MARKUP, edge, memory, take_snapshot

pytest.importorskip("bokeh")

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure


def drawn(**filled: Any) -> "Figure":
    taken = take_snapshot(**filled)
    places = {each.id: (float(number), number % 3.0) for number, each in enumerate(taken.memories)}
    return build_figure(build_cards(taken), taken.edges, places)


def renderers(plot: "Figure", name: str) -> list[Any]:
    return [each for each in plot.renderers if each.name == name]


def legend(plot: "Figure") -> list[str]:
    return [item.label.value for item in plot.legend[0].items]


def test_types_have_colours_and_what_counts_no_more_is_hollow_and_dashed() -> None:
    looks = {
        words: (each.glyph.line_color, each.glyph.fill_color, each.glyph.line_dash)
        for each in renderers(drawn(), "memory")
        for words in each.data_source.data["text"]
    }
    blue, orange = TYPE_COLOURS[MemoryType.LONG_TERM], TYPE_COLOURS[MemoryType.WORKING]
    assert looks["Ana lives in Lisbon."] == (blue, blue, "solid")
    assert looks["Ana lived in Porto."] == (blue, "white", "dashed")
    assert looks["The ferry was late."] == (orange, "white", "dashed")


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    assert legend(drawn()) == [
        *("RELATES", "CAUSE", "SUPERSEDES", "CONTRADICTS", "WorkingMemory, past", "LongTermMemory"),
        *("LongTermMemory, past", "UserMemory", "OuterMemory"),
    ]


def test_every_type_and_relation_can_be_drawn() -> None:
    memories = [memory(number, "x", memory_type=kind) for number, kind in enumerate(MemoryType)]
    edges = [edge(0, 1, EdgeType(relation)) for relation in RELATIONS]
    assert set(legend(drawn(memories=memories, messages=(), edges=edges))) == {*RELATIONS, *MemoryType}


def test_a_head_is_on_its_line_nearer_to_what_the_relation_leads_to() -> None:
    plot = drawn(memories=[memory(0, "a"), memory(1, "b")], messages=(), edges=[edge(1, 0, EdgeType.CAUSE)])
    (head,) = renderers(plot, "head")
    row = {name: values[0] for name, values in head.data_source.data.items()}
    # From (1, 1) to (0, 0); a triangle that is not turned points up.
    assert (row["head_x"], row["head_y"]) == pytest.approx((0.38, 0.38))
    assert row["angle"] == pytest.approx(-3 * math.pi / 4 - math.pi / 2)


def test_lines_between_the_same_two_are_side_by_side() -> None:
    edges = [edge(0, 1, EdgeType.CAUSE), edge(1, 0, EdgeType.CAUSE), edge(0, 1, EdgeType.RELATES)]
    plot = drawn(memories=[memory(0, "a"), memory(1, "b")], messages=(), edges=edges)
    ends = [
        (round(float(x), 6), round(float(y), 6))
        for each in renderers(plot, "relation")
        for names in (("x0", "y0"), ("x1", "y1"))
        for x, y in zip(*(each.data_source.data[name] for name in names), strict=True)
    ]
    assert len(set(ends)) == 6


def test_what_is_pointed_at_tells_words_kind_times_and_sources() -> None:
    rows = {
        row["text"]: row
        for each in renderers(drawn(), "memory")
        for row in [
            dict(zip(each.data_source.data, values, strict=True))
            for values in zip(*each.data_source.data.values(), strict=True)
        ]
    }
    porto = rows["Ana lived in Porto."]
    assert (porto["number"], porto["about"]) == ("6", "LongTermMemory, fact, no longer valid")
    assert porto["times"] == "said 2023-11-14 22:13 UTC, until 2023-11-15 22:13 UTC"
    assert porto["sources"] == "Ana, 2023-11-14 22:13 UTC: “I am from Porto.”"
    assert MARKUP in rows


def test_a_line_tells_what_it_relates() -> None:
    rows = [
        row
        for each in renderers(drawn(), "relation")
        for row in zip(
            *(each.data_source.data[name] for name in ("source_text", "relation", "target_text")), strict=True
        )
    ]
    assert ("5. Ana lives in Lisbon.", "SUPERSEDES", "6. Ana lived in Porto.") in rows


@pytest.mark.parametrize(("count", "labelled"), [(60, True), (61, False)])
def test_first_words_stand_beside_the_dots_while_they_can_be_read(count: int, labelled: bool) -> None:
    plot = drawn(memories=[memory(number, "a word") for number in range(count)], messages=(), edges=())
    labels = [each.data_source.data["label"] for each in plot.renderers if each.name == "label"]
    assert [len(each) for each in labels] == ([count] if labelled else [])


def test_dots_shrink_where_there_are_many_but_never_vanish() -> None:
    assert [dot_px(count) for count in (1, 60, 240, 1000)] == [16, 16, 8, 6]


def test_the_dots_and_heads_of_a_drawing_have_the_size_for_its_memories() -> None:
    memories = [memory(number, "x") for number in range(240)]
    plot = drawn(limit=240, memories=memories, messages=(), edges=[edge(0, 1, EdgeType.CAUSE)])
    assert [each.glyph.size for each in renderers(plot, "memory")] == [8]
    assert [each.glyph.size for each in renderers(plot, "head")] == [pytest.approx(5.2)]
