"""No second look."""

from collections.abc import Sequence


class NoopReranker:
    """Every text is as good as the next, so that the order stays."""

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        del query
        return [0.0 for _ in texts]

    def close(self) -> None:
        """There is nothing to give back."""
