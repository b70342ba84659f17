"""No second look."""

from memos.rerankers.noop import NoopReranker


def test_every_text_is_as_good_as_the_next() -> None:
    assert NoopReranker().rerank("q", ["a", "b"]) == [0.0, 0.0]
