"""How much a search may ask of a language model.

    fast      nothing
    mixture   question ──> model: other texts to search for ──> a search for each ──> their ranks joined
    fine      the same; then the model says which of the best hits answer the question, and these come first

Ranks are joined by reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): a hit gets 1 / (RANK_OFFSET +
rank) from each search that found it, half of that from a search for something other than the question itself. A model
that is away, or that answers what cannot be used, takes its own part away and no more; ``degraded`` says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from memos.errors import InvalidRequest, QuotaExceeded, Unavailable
from memos.ids import CubeId, TenantId
from memos.recall.advice import Adviser
from memos.recall.choice import choose
from memos.recall.fuse import Key
from memos.recall.options import Mode, SearchOptions
from memos.recall.search import SearchResult
from memos.types import Hit

RANK_OFFSET: Final = 60
EXPANDED_SHARE: Final = 0.5
# How many hits a model is shown at once.
MAX_JUDGED: Final = 20


class SearchesMany(Protocol):
    """Finds memories for several queries at once."""

    def search_many(
        self, tenant: TenantId, cubes: Sequence[CubeId], queries: Sequence[str], *, top_k: int, options: SearchOptions
    ) -> list[SearchResult]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidedSearch:
    """Searches of the modes that ask a model."""

    recall: SearchesMany
    adviser: Adviser

    def search(
        self, tenant: TenantId, cubes: Sequence[CubeId], question: str, *, top_k: int, options: SearchOptions
    ) -> SearchResult:
        """The ``top_k`` best memories. Takes as long as the model does; raises what a fast search raises."""
        queries, missing = self._expand(question)
        pool = max(top_k, MAX_JUDGED)
        plain = replace(options, mode=Mode.FAST, mmr=None, max_tokens=None)  # what holds for the answer, choose() does
        results = self.recall.search_many(tenant, cubes, [question, *queries], top_k=pool, options=plain)
        joined = join(results)
        missing += tuple(dict.fromkeys(each for result in results for each in result.degraded))
        if options.mode is Mode.FINE:
            joined, unjudged = self._judge(question, joined)
            missing += unjudged
        chosen = choose(joined, [hit.memory.text for hit in joined], top_k=top_k, options=options)
        hits = chosen if options.explain else [replace(hit, parts={}) for hit in chosen]
        return SearchResult(hits=hits, degraded=missing)

    def _expand(self, question: str) -> tuple[list[str], tuple[str, ...]]:
        try:
            return self.adviser.expand(question), ()
        except (Unavailable, QuotaExceeded, InvalidRequest) as error:
            return [], (f"expansion: {error}",)

    def _judge(self, question: str, hits: Sequence[Hit]) -> tuple[list[Hit], tuple[str, ...]]:
        shown = hits[:MAX_JUDGED]
        if not shown:
            return list(hits), ()
        try:
            return put_first(hits, self.adviser.judge(question, shown)), ()
        except (Unavailable, QuotaExceeded, InvalidRequest) as error:
            return list(hits), (f"judging: {error}",)


def join(results: Sequence[SearchResult]) -> list[Hit]:
    """The hits of all results, the first of which is the question's own, each once, best first. Pure."""
    found: dict[Key, Hit] = {}
    parts: dict[Key, dict[str, float]] = {}
    for number, result in enumerate(results):
        name, share = ("expanded", EXPANDED_SHARE) if number else ("question", 1.0)
        for rank, hit in enumerate(result.hits, start=1):
            key = (hit.memory.cube, hit.memory.id)
            found.setdefault(key, hit)
            scores = parts.setdefault(key, {})
            scores[name] = scores.get(name, 0.0) + share / (RANK_OFFSET + rank)
    joined = [replace(hit, parts=parts[key], score=sum(parts[key].values())) for key, hit in found.items()]
    return sorted(joined, key=lambda hit: -hit.score)


def put_first(hits: Sequence[Hit], places: Sequence[int]) -> list[Hit]:
    """The hits at these places first, in this order, then the rest. Pure. Their part ``judged`` is above any score."""
    judged = [_lifted(hits[place], by=2.0 - number / len(places)) for number, place in enumerate(places)]
    return [*judged, *(hit for place, hit in enumerate(hits) if place not in set(places))]


def _lifted(hit: Hit, *, by: float) -> Hit:
    parts = {**hit.parts, "judged": by}
    return replace(hit, parts=parts, score=sum(parts.values()))
