"""How a reranker's scores become the order of a search. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memos.recall.fuse import Candidate

PART: Final = "rerank"
# A reranker can lift no memory that it is not shown.
MIN_SHOWN: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Reranked(Candidate):
    """A candidate whose score is the reranker's; its other parts say by what it was found."""

    @property
    def score(self) -> float:
        return self.parts[PART]


def count_shown(top_k: int) -> int:
    """How many of the first candidates a reranker is shown for an answer of ``top_k``."""
    return max(MIN_SHOWN, 2 * top_k)


def order_by(scores: Sequence[float], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates by their scores, one each, best first; equal ones stay in their order."""
    pairs = zip(candidates, scores, strict=True)
    ranked = [Reranked(key=item.key, parts={**item.parts, PART: score}) for item, score in pairs]
    return sorted(ranked, key=lambda item: -item.score)
