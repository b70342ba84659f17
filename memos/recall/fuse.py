"""How candidates become one ranking. Pure.

Each list of candidates is standardised (mean 0, deviation 1) so that cosine and BM25 can be added; a candidate that
one list lacks takes that list's lowest value. The sum of standardised scores beat reciprocal-rank fusion on LoCoMo.
A small bonus for recency decides between statements that match equally well, since the later one usually holds, and a
smaller one for importance between those of one age.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Final

from memos.ids import CubeId, MemoryId
from memos.types import Memory
from memos.vec_dbs.base import IndexHit

Key = tuple[CubeId, MemoryId]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """The share of each part in the score."""

    dense: float = 1.0
    text: float = 1.0
    recency: float = 0.25
    importance: float = 0.2


DEFAULT_WEIGHTS: Final = Weights()


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A memory's standardised evidence. ``parts`` are weighted; their sum is ``score``."""

    key: Key
    parts: Mapping[str, float]

    @property
    def score(self) -> float:
        return sum(self.parts.values())


def fuse(dense: Sequence[IndexHit], text: Sequence[IndexHit], weights: Weights = DEFAULT_WEIGHTS) -> list[Candidate]:
    """The union of both lists, best first; neither gates the other. Ties keep the order of the keys."""
    lists = {"dense": (standardise(dense), weights.dense), "text": (standardise(text), weights.text)}
    keys = sorted({key for scores, _ in lists.values() for key in scores})
    candidates = [
        Candidate(
            key=key,
            parts={
                name: weight * scores.get(key, min(scores.values()))
                for name, (scores, weight) in lists.items()
                if scores
            },
        )
        for key in keys
    ]
    return sorted(candidates, key=lambda item: -item.score)


def standardise(hits: Sequence[IndexHit]) -> dict[Key, float]:
    """Each hit's distance from the mean in standard deviations; all zero when the scores do not differ."""
    if not hits:
        return {}
    scores = [hit.score for hit in hits]
    mean, deviation = fmean(scores), pstdev(scores)
    scale = 1 / deviation if deviation > 1e-9 else 0.0
    return {(hit.cube, hit.memory_id): (hit.score - mean) * scale for hit in hits}


def add_recency(
    candidates: Sequence[Candidate], memories: Mapping[Key, Memory], weights: Weights = DEFAULT_WEIGHTS
) -> list[Candidate]:
    """Re-rank by adding each memory's place in time among the candidates, from 0 (oldest) to 1 (newest)."""
    times = {item.key: memories[item.key].said_at_ms for item in candidates}
    if not times:
        return []
    oldest = min(times.values())
    span = max(max(times.values()) - oldest, 1)
    ranked = [
        Candidate(key=item.key, parts={**item.parts, "recency": weights.recency * (times[item.key] - oldest) / span})
        for item in candidates
    ]
    return sorted(ranked, key=lambda item: -item.score)


def add_importance(
    candidates: Sequence[Candidate], memories: Mapping[Key, Memory], weights: Weights = DEFAULT_WEIGHTS
) -> list[Candidate]:
    """Re-rank by adding each memory's stored importance; among equally important ones the order stays."""
    ranked = [
        Candidate(key=item.key, parts={**item.parts, "importance": weights.importance * memories[item.key].importance})
        for item in candidates
    ]
    return sorted(ranked, key=lambda item: -item.score)
