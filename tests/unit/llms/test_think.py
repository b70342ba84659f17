"""The filter for what a model thinks aloud."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.llms.think import Part, ThinkFilter, say, strip_think


def _stream(pieces: list[str]) -> str:
    thoughts = ThinkFilter()
    return "".join(thoughts.feed(piece) for piece in pieces) + thoughts.finish()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>2 + 2</think>\n\nFour.", "Four."),
        ("\n<think></think>Four.", "Four."),
        ("Four. <think>no thought here</think>", "Four. <think>no thought here</think>"),
        ("<think>never ends", ""),
        ("<thin ice>", "<thin ice>"),
        ("<thi", "<thi"),
        ("  plain", "  plain"),
        ("", ""),
        ("<think>a</think><think>b</think>c", "<think>b</think>c"),
    ],
)
def test_only_a_leading_thought_is_dropped(text: str, expected: str) -> None:
    assert strip_think(text) == expected


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "think", ">", "/", " ", "a", "\n"]), max_size=12), st.data()
)
def test_the_cut_of_the_stream_makes_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert _stream(pieces) == strip_think(text)


def test_an_answer_is_passed_on_as_soon_as_it_is_certain() -> None:
    thoughts = ThinkFilter()
    assert [thoughts.feed(piece) for piece in ("<th", "ink>x</thi", "nk> ", "Fo", "ur")] == ["", "", "", "Fo", "ur"]


@pytest.mark.parametrize(
    ("parts", "kept", "dropped"),
    [
        ([Part(thought="a"), Part(thought="b"), Part(text="c")], ["<think>a", "b", "</think>c"], ["c"]),
        ([Part(thought="a", text="c"), Part(text="d")], ["<think>a", "</think>c", "d"], ["c", "d"]),
        ([Part(thought="a")], ["<think>a", "</think>"], []),
        ([Part(), Part(text="c"), Part()], ["c"], ["c"]),
        ([Part(text="<think>a</think>"), Part(text="c")], ["<think>a</think>", "c"], ["c"]),
        ([], [], []),
    ],
)
def test_thoughts_from_a_field_of_their_own_stand_in_front_or_are_dropped(
    parts: list[Part], kept: list[str], dropped: list[str]
) -> None:
    assert list(say(parts, keeps_thoughts=True)) == kept
    assert list(say(parts, keeps_thoughts=False)) == dropped
