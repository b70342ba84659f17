"""The cache of query embeddings."""

from collections.abc import Sequence

import pytest

from memos.embedders.base import Purpose
from memos.embedders.cache import CachedEmbedder


class CountingEmbedder:
    """Turns a text into its length, and remembers what it was asked."""

    model = "counting"
    dimension = 2

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.purposes: list[Purpose] = []

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        self.calls.append(list(texts))
        self.purposes.append(purpose)
        return [[float(len(text)), 0.5] for text in texts]


def test_a_repeated_query_is_not_embedded_again() -> None:
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, size=10)
    assert cached.embed(["a"]) == cached.embed(["a"]) == [[1.0, 0.5]]
    assert inner.calls == [["a"]]


def test_equal_texts_of_one_call_are_embedded_once_and_answered_in_order() -> None:
    inner = CountingEmbedder()
    assert CachedEmbedder(inner, size=10).embed(["a", "bb", "a"]) == [[1.0, 0.5], [2.0, 0.5], [1.0, 0.5]]
    assert inner.calls == [["a", "bb"]]


def test_the_least_recently_used_goes_first() -> None:
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        cached.embed([text])
    assert inner.calls == [["a"], ["b"], ["c"], ["b"]]


def test_a_large_batch_leaves_the_queries_in_place() -> None:
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, size=2)
    cached.embed(["query"])
    cached.embed([f"document {number}" for number in range(100)])
    cached.embed(["query"])
    assert len(inner.calls) == 2


@pytest.mark.parametrize("size", [1, 5])
def test_an_answer_may_be_changed_without_harm(size: int) -> None:
    cached = CachedEmbedder(CountingEmbedder(), size=size)
    first = cached.embed(["a", "a"])
    first[0][0] = 99.0
    assert first[1] == [1.0, 0.5]
    assert cached.embed(["a"]) == [[1.0, 0.5]]


def test_names_and_dimension_are_those_of_the_inner_one() -> None:
    cached = CachedEmbedder(CountingEmbedder(), size=1)
    assert (cached.model, cached.dimension) == ("counting", 2)
    assert cached.embed([]) == []


def test_a_text_has_a_vector_for_each_purpose() -> None:
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, size=10)
    for purpose in ("document", "query", "update", "query"):
        cached.embed(["a"], purpose=purpose)
    assert inner.purposes == ["document", "query", "update"]
