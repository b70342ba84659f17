"""What a text is to a text search."""

import re

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
        ("人々", ["人々"]),
        ("서울에", ["서울", "울에"]),
        ("دِمَشْق", ["دمشق"]),
        ("أحمد", ["احمد"]),
        ("שָׁלוֹם", ["שלום"]),
        ("👨\u200d👩\u200d👧 party ❤️", ["parti"]),
        ("nul\x00byte \ud800", ["nul", "byte"]),
    ],
)
def test_words_are_folded_stemmed_and_paired(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "count"), [("मैं दिल्ली में रहता हूँ", 5), ("দিল্লি", 1), ("ทะเล", 3), ("น้ำ", 1), ("ភ្នំពេញ", 3)]
)
def test_signs_belong_to_the_letter_before_them(text: str, count: int) -> None:
    assert len(words_of(text)) == count


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("กรุงเทพ", "ฉันอาศัยอยู่ในกรุงเทพกับพี่สาว"),
        ("ผัดไทย", "ฉันชอบกินผัดไทยมาก"),
        ("ភ្នំពេញ", "ខ្ញុំរស់នៅភ្នំពេញ"),
        ("ရန်ကုန်", "ကျွန်တော်ရန်ကုန်မှာနေတယ်"),
        ("東京", "私は東京に住んでいます"),
        ("दिल्ली", "मैं दिल्ली में रहता हूँ"),
        ("دمشق", "أسكن في دِمَشْق"),
    ],
)
def test_a_word_is_found_inside_a_sentence_of_its_script(word: str, text: str) -> None:
    assert set(words_of(word)) <= set(words_of(text))


def test_a_sign_tells_words_apart() -> None:
    assert words_of("เสือ") != words_of("เสื้อ")


@given(st.text(st.characters(min_codepoint=0x0590, max_codepoint=0x18FF)))
def test_no_word_has_what_a_servers_analyzer_takes_for_a_space(text: str) -> None:
    words = words_of(text)
    assert re.findall(r"\w+", " ".join(words)) == words


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
