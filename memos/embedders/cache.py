"""A memory of what was embedded lately, for queries that come again."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from memos.embedders.base import Embedder, Purpose, parse_texts

# Queries come alone or a few at a time; a larger batch is an ingestion, whose texts seldom come again.
_QUERY_BATCH: Final = 16
_LONGEST_KEY_CHARS: Final = 2000


class CachedEmbedder:
    """An embedder that answers repeated texts from RAM: at most ``size`` vectors, the least recently used go first.

    A text has a vector for each purpose. Equal texts of one call are embedded once. Costs 4 bytes a dimension and the
    text. Thread-safe.
    """

    def __init__(self, inner: Embedder, *, size: int) -> None:
        self._inner = inner
        self._size = size
        self._vectors: OrderedDict[tuple[Purpose, str], array[float]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        found = self._find(parse_texts(texts), purpose)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            fresh = dict(zip(missing, self._inner.embed(missing, purpose=purpose), strict=True))
            self._keep(fresh, purpose)
            found |= fresh
        return [list(found[text]) for text in texts]

    def _find(self, texts: Sequence[str], purpose: Purpose) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        with self._lock:
            for text in texts:
                vector = self._vectors.get((purpose, text))
                if vector is not None:
                    self._vectors.move_to_end((purpose, text))
                    found[text] = vector.tolist()
        return found

    def _keep(self, fresh: dict[str, list[float]], purpose: Purpose) -> None:
        if len(fresh) > _QUERY_BATCH:
            return
        with self._lock:
            for text, vector in fresh.items():
                if len(text) <= _LONGEST_KEY_CHARS:
                    self._vectors[purpose, text] = array("f", vector)
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
