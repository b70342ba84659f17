"""BM25 in RAM, against the formula written down once more without an index."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.vec_dbs.bm25 import BM25_B, BM25_K1, Bm25Index
from memos.vec_dbs.words import words_of

TEXTS = st.lists(st.sampled_from(["tea", "boat", "tune", "bread", "lake"]), max_size=6).map(" ".join)


def by_the_formula(documents: dict[int, str], query: str) -> dict[int, float]:
    counts = {key: Counter(words_of(text)) for key, text in documents.items()}
    lengths = {key: count.total() for key, count in counts.items()}
    mean_length = sum(lengths.values()) / max(len(documents), 1) or 1.0
    scores = dict.fromkeys(documents, 0.0)
    for word in words_of(query):
        found_in = sum(word in count for count in counts.values())
        rarity = math.log(1 + (len(documents) - found_in + 0.5) / (found_in + 0.5))
        for key, count in counts.items():
            length_norm = 1 - BM25_B + BM25_B * lengths[key] / mean_length
            scores[key] += rarity * count[word] * (BM25_K1 + 1) / (count[word] + BM25_K1 * length_norm)
    return {key: score for key, score in scores.items() if score > 0}


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | TEXTS)), TEXTS)
def test_scores_are_those_of_the_documents_that_are_there_now(
    changes: list[tuple[int, str | None]], query: str
) -> None:
    index, documents = Bm25Index[int](), dict[int, str]()
    for key, text in changes:
        if text is None:
            index.remove(key)
            documents.pop(key, None)
        else:
            index.put(key, text)
            documents[key] = text
    assert index.scores(query) == pytest.approx(by_the_formula(documents, query))


def test_the_rarer_word_weighs_more() -> None:
    index = Bm25Index[str]()
    for name, text in {"a": "green tea", "b": "black tea", "c": "a boat"}.items():
        index.put(name, text)
    scores = index.scores("tea boats")
    assert set(scores) == {"a", "b", "c"}
    assert scores["c"] > scores["a"] == scores["b"] > 0


def test_an_empty_index_knows_nothing() -> None:
    assert Bm25Index[str]().scores("tea") == {}
