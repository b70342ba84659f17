"""What every reranker does."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Says how well texts answer a question. Thread-safe.

    Raises Unavailable when its model is away, QuotaExceeded when a provider limits requests, InvalidRequest for texts
    that it does not take, and InvalidConfig.
    """

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One finite score per text, in the order of the texts; larger is better. Batches inside.

        Scores of one call can be compared with each other, and with nothing else.
        """
        ...

    def close(self) -> None:
        """Give connections back; harmless when done twice."""
        ...
