"""A second look by meaning alone."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from memos.configs.reranker import CosineLocalRerankerConfig
from memos.embedders.base import Embedder
from memos.settings import Settings, load_settings
from memos.wiring import open_memory_embedder


class CosineReranker:
    """The cosine between question and text, from -1 to 1. Costs an embedding of each text."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @classmethod
    def from_config(cls, config: CosineLocalRerankerConfig, *, settings: Settings | None) -> "CosineReranker":
        """With the configured embedder, else the one of the settings."""
        return cls(open_memory_embedder(config.embedder, settings or load_settings()))

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        (question,) = self._embedder.embed([query], purpose="query")
        rows = self._embedder.embed(texts)
        # Embedders give vectors of length 1, of which the product is the cosine.
        return cast(list[float], (np.asarray(rows) @ np.asarray(question)).tolist())

    def close(self) -> None:
        """There is nothing to give back: an embedder lives as long as its process."""
