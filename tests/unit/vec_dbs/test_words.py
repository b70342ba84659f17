"""What a text is to a text search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.vec_dbs.words import MAX_WORD_CHARS, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Caroline was hiking", ["carolin", "hike"]),
        ("the of and", []),
        ("", []),
        ("snake_case and 42-bit", ["snake", "case", "42", "bit"]),
        ("Café MÜNCHEN", ["cafe", "munchen"]),
        ("\uff26\uff55\uff4c\uff4c width", ["full", "width"]),
        ("北京很好 go", ["北京", "京很", "很好", "go"]),
        ("猫", ["猫"]),
        ("abc北京", ["abc", "北京"]),
        ("nul\x00byte \ud800", ["nul", "byte"]),
    ],
)
def test_words_are_folded_stemmed_and_paired(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_word_without_end_is_cut() -> None:
    assert words_of("7" * 10_000) == ["7" * MAX_WORD_CHARS]


@given(st.text())
def test_words_have_no_spaces_and_are_found_again_by_themselves(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not any(character.isspace() for character in word)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_case_does_not_matter(text: str) -> None:
    assert words_of(text) == words_of(text.casefold())
