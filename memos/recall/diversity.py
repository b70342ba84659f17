"""Maximal marginal relevance: hits that do not repeat each other (Carbonell and Goldstein, SIGIR 1998). Pure.

    next = argmax over what is left of  balance * relevance - (1 - balance) * most similar to one chosen already

Relevance is the score, brought to 0..1 among the candidates. Similarity is the share of words that two texts have in
common, of all that either has (Jaccard), by the words that text search finds them by: no vector has to be read or made.
"""

from collections.abc import Sequence
from typing import Final

from memos.vec_dbs.words import words_of

MIN_POOL: Final = 20
POOL_SHARE: Final = 3


def count_pool(top_k: int) -> int:
    """From how many of the best candidates ``top_k`` are chosen."""
    return max(MIN_POOL, POOL_SHARE * top_k)


def choose_diverse(scores: Sequence[float], texts: Sequence[str], *, balance: float, top_k: int) -> list[int]:
    """The places of up to ``top_k`` candidates in the order of their choice; of equal ones the earlier comes first.

    A ``balance`` of 1 is the order of the scores, 0 looks at differences alone.
    """
    relevance = _unit(scores)
    words = [frozenset(words_of(text)) for text in texts]
    repeated = [0.0] * len(texts)
    left, chosen = list(range(len(texts))), list[int]()
    while left and len(chosen) < top_k:
        best = max(left, key=lambda place: balance * relevance[place] - (1 - balance) * repeated[place])
        left.remove(best)
        chosen.append(best)
        for place in left:
            repeated[place] = max(repeated[place], _overlap(words[best], words[place]))
    return chosen


def _unit(scores: Sequence[float]) -> list[float]:
    lowest, highest = min(scores, default=0.0), max(scores, default=0.0)
    span = highest - lowest
    return [(score - lowest) / span if span > 0 else 1.0 for score in scores]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    either = len(one | other)
    return len(one & other) / either if either else 0.0
