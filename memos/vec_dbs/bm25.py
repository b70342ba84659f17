"""BM25 in RAM: which documents have the words of a query, and how rare those words are."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from memos.vec_dbs.words import words_of

# The constants of Robertson's BM25 that Milvus has by default.
BM25_K1: Final = 1.2
BM25_B: Final = 0.75

K = TypeVar("K", bound=Hashable)


class Bm25Index(Generic[K]):
    """Robertson and Zaragoza 2009, over the documents that are in it now. A query costs only what its words match.

    Not thread-safe: whoever has it locks it.
    """

    def __init__(self) -> None:
        self._documents: dict[K, Mapping[str, int]] = {}
        self._postings: dict[str, dict[K, int]] = {}
        self._lengths: dict[K, int] = {}
        self._total_length = 0

    def put(self, key: K, text: str) -> None:
        """Add a document, or replace the one of that key."""
        self.remove(key)
        words = Counter(words_of(text))
        self._documents[key] = words
        self._lengths[key] = words.total()
        self._total_length += self._lengths[key]
        for word, count in words.items():
            self._postings.setdefault(word, {})[key] = count

    def remove(self, key: K) -> None:
        """Take a document out; an absent key is no error."""
        for word in self._documents.pop(key, {}):
            found_in = self._postings[word]
            del found_in[key]
            if not found_in:
                del self._postings[word]
        self._total_length -= self._lengths.pop(key, 0)

    def scores(self, query: str) -> dict[K, float]:
        """The documents that have a word of ``query``, each with its score above zero."""
        scores: dict[K, float] = {}
        for word, weight in Counter(words_of(query)).items():
            found_in = self._postings.get(word, {})
            rarity = weight * self._rarity(len(found_in))
            for key, count in found_in.items():
                scores[key] = scores.get(key, 0.0) + rarity * self._saturation(count, self._lengths[key])
        return scores

    def _rarity(self, found_in: int) -> float:
        return math.log(1 + (len(self._documents) - found_in + 0.5) / (found_in + 0.5))

    def _saturation(self, count: int, length: int) -> float:
        mean_length = self._total_length / len(self._documents)
        length_norm = 1 - BM25_B + BM25_B * length / mean_length
        return count * (BM25_K1 + 1) / (count + BM25_K1 * length_norm)
