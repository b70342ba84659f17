"""A second look at results, by the reranker that a configuration names."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from memos.errors import Unavailable
from memos.mem0.reranker import SecondLook
from memos.rerankers.base import Reranker
from memos.settings import Settings

logger = logging.getLogger(__name__)


class Reranking:
    """Orders results anew. Where the reranker is away they keep their order, and the answer says so."""

    def __init__(self, reranker: Reranker, *, top_k: int | None) -> None:
        self._reranker = reranker
        self._top_k = top_k

    def order(self, query: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The results with their ``rerank_score``, best first, or as they were with "degraded" beside them."""
        if not results:
            return {"results": []}
        try:
            scores = self._reranker.rerank(query, [result["memory"] for result in results])
        except Unavailable as error:
            logger.warning("the results keep their order: %s", error)
            return {"results": list(results), "degraded": [f"rerank: {error}"]}
        scored = [{**result, "rerank_score": score} for result, score in zip(results, scores, strict=True)]
        return {"results": sorted(scored, key=lambda result: -result["rerank_score"])[: self._top_k]}

    def close(self) -> None:
        """Give connections back."""
        self._reranker.close()


def open_reranking(config: SecondLook | None, settings: Settings) -> Reranking | None:
    """The reranker that is configured, if there is one. Raises InvalidConfig."""
    if config is None:
        return None
    from memos.rerankers.factory import RerankerFactory

    return Reranking(RerankerFactory.from_config(config.config, settings=settings), top_k=config.top_k)
