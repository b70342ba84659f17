"""How well a memory answers a query, from 0 to 1. Pure.

semantic   the cosine of their vectors, 0 where it is below
words      the lift by words that both have: a share of what is missing to 1, so that it never lowers a score
score      semantic + words
"""

from dataclasses import dataclass
from typing import Final

# What words alone can close of the gap to 1, and the BM25 score at which they close half of that.
LIFT: Final = 0.5
HALF_BM25: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The two parts."""

    semantic: float
    words: float

    @property
    def total(self) -> float:
        return self.semantic + self.words

    def explain(self, threshold: float) -> dict[str, float]:
        """The parts under mem0's names. There is no store of entities here, so that no score has that part."""
        return {
            "semantic_score": self.semantic,
            "bm25_score": self.words,
            "entity_boost": 0.0,
            "raw_score": self.total,
            "max_possible_score": 1.0,
            "final_score": self.total,
            "threshold": threshold,
        }


def build_score(cosine: float, bm25: float) -> Score:
    """The score of one memory, from the cosine of its vector and its BM25 score, 0 for no word in common."""
    semantic = min(max(cosine, 0.0), 1.0)
    return Score(semantic=semantic, words=(1 - semantic) * LIFT * bm25 / (bm25 + HALF_BM25))
