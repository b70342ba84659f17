"""Sentences and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.mem_reader.entities import find_entities
from memos.mem_reader.sentences import MAX_SENTENCE_CHARS, pack_sentences, split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("I met Dr. Kim. She is kind.", ["I met Dr. Kim.", "She is kind."]),
        ("It costs 3.50 euros at 5 p.m. on Monday.", ["It costs 3.50 euros at 5 p.m. on Monday."]),
        ("J. R. R. Tolkien wrote it.", ["J. R. R. Tolkien wrote it."]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("first line\nsecond line\r\n\n third", ["first line", "second line", "third"]),
        ("你好。我住在北京！", ["你好。", "我住在北京！"]),
        ("keep ```drop this. And this.``` keep", ["keep", "keep"]),
        ("open ```never closed", ["open"]),
        ("a\x00b\ud800c", ["ab\ufffdc"]),
        ("Wait... what", ["Wait...", "what"]),
    ],
)
def test_text_is_cut_where_sentences_end(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


@given(st.text(alphabet="ab .!?\n\"')。", max_size=3000))
def test_no_sentence_is_empty_or_too_long_and_no_letter_is_lost(text: str) -> None:
    sentences = split_sentences(text)
    assert all(sentence.strip() and len(sentence) <= MAX_SENTENCE_CHARS for sentence in sentences)
    assert "".join("".join(sentences).split()) == "".join(text.split())


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=50), max_size=40))
def test_passages_hold_all_sentences_in_order(sentences: list[str]) -> None:
    passages = pack_sentences(sentences, max_chars=80)
    assert " ".join(passages) == " ".join(sentences)
    assert all(len(passage) <= 80 for passage in passages)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("I moved to New York with Tom's sister.", ("New York", "Tom")),
        ("But Tom visited the Museum of Modern Art in May.", ("Tom", "Museum of Modern Art")),
        ("My boss Ingrid Larsen loves “War and Peace”.", ("War and Peace", "Ingrid Larsen")),
        ("Rio de Janeiro and São Paulo", ("Rio de Janeiro", "São Paulo")),
        ("Yesterday I met Dr. Kim at IKEA on Monday", ("Kim", "IKEA")),
        ("Berlin is great", ()),
        ("Great. Then it rained.", ()),
        ("I'd use an iPhone", ("iPhone",)),
        ("nothing here", ()),
    ],
)
def test_names_are_found_by_their_capitals(sentence: str, expected: tuple[str, ...]) -> None:
    assert find_entities(sentence) == expected
