"""Search: candidates weighed, followed along their relations, and read from the graph with their sources.

    query ──> two lists (candidates.py) ──> weigh (evidence.py) ──> relations (paths.py) ──> memories
                 ^                            │ too few satisfy the filter                      │
                 └──── twice as many ─────────┘                                                 │
                 top k <── budget <── diversity <── reranker <── succession <── recency ... ────┘

A list that cannot be had within the deadline is named in ``degraded``; when neither can, the search raises. What the
graph no longer has is not shown, whatever the index says. With a reranker the first candidates come in its order; when
it is away, the order stays and ``degraded`` says why.

The index evaluates what it can of a filter (narrowing.py), the rest is evaluated on what was read; lists grow until
enough satisfies it, nothing is left, or they have MAX_CANDIDATES, which ``degraded`` says then.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from memos.clock import Clock, SystemClock
from memos.ids import CubeId, TenantId
from memos.memories.textual.stores import TextStores
from memos.organize.surroundings import is_summary
from memos.recall.candidates import Asked, AskVector, CandidateSearch
from memos.recall.choice import choose, count_ranked
from memos.recall.currency import add_currency
from memos.recall.evidence import DEFAULT_EVIDENCE, EvidenceWeights, weigh
from memos.recall.fuse import Candidate, Key, add_importance
from memos.recall.narrowing import build_where
from memos.recall.options import PLAIN, SearchOptions
from memos.recall.parents import parents_among, without_parents
from memos.recall.paths import HOPS, Neighbours, neighbours_of, spread
from memos.recall.reading import Reading, by_cube
from memos.recall.second_look import SecondLook
from memos.recall.succession import put_newest_first
from memos.recall.use import FindUses, add_use, read_uses
from memos.rerankers.base import Reranker
from memos.types import Hit, Memory, Source
from memos.vec_dbs.base import IndexFilter

DEADLINE_S: Final = 5.0
# Candidates from each list: enough for the union to hold what either would rank among its first top_k.
MIN_CANDIDATES: Final = 50
# Milvus lists 16,384 at most.
MAX_CANDIDATES: Final = 16_000
# Read from the graph beyond the answer: recency and importance can lift some, and some may be deleted by now.
SPARE_CANDIDATES: Final = 10
# Relations read in one step; a memory that is related to thousands of others is no evidence for any of them.
MAX_EDGES: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """Hits, best first, and what was missing while they were found (empty when nothing was)."""

    hits: list[Hit]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """One question to the memories of a tenant that ``where`` admits; ``vector`` where it is embedded with others."""

    tenant: TenantId
    text: str
    where: IndexFilter
    vector: AskVector | None = None


class Recall:
    """Finds memories in cubes of one tenant, and what they are related to within ``hops`` steps. Thread-safe."""

    def __init__(
        self,
        stores: TextStores,
        reranker: Reranker | None = None,
        *,
        clock: Clock | None = None,
        deadline_s: float = DEADLINE_S,
        hops: int = HOPS,
        weights: EvidenceWeights = DEFAULT_EVIDENCE,
        max_candidates: int = MAX_CANDIDATES,
        find_uses: FindUses | None = None,
    ) -> None:
        """The ``reranker`` has the last word on the order; it stays its owner's to close.

        The ``clock`` says what has expired. ``max_candidates`` is how long a list may grow for a filter.
        ``find_uses`` tells which memories were used; without it, none was.
        """
        self._stores = stores
        self._second_look = SecondLook(reranker, deadline_s=deadline_s)
        self._clock = clock or SystemClock()
        self._hops = hops
        self._weights = weights
        self._max_candidates = max_candidates
        self._find_uses = find_uses
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="recall-read")
        self._candidates = CandidateSearch(stores, deadline_s=deadline_s)

    def search(
        self,
        tenant: TenantId,
        cubes: Sequence[CubeId],
        query: str,
        *,
        top_k: int,
        options: SearchOptions = PLAIN,
    ) -> SearchResult:
        """The ``top_k`` best memories of the cubes. Raises Unavailable when the graph or both lists are away."""
        where = build_where(cubes, options, now_ms=self._clock.now_ms())
        return self._answer(_Question(tenant=tenant, text=query, where=where), top_k, options)

    def search_many(
        self,
        tenant: TenantId,
        cubes: Sequence[CubeId],
        queries: Sequence[str],
        *,
        top_k: int,
        options: SearchOptions = PLAIN,
    ) -> list[SearchResult]:
        """What ``search`` finds for each query, in their order. The queries are embedded together, once."""
        where = build_where(cubes, options, now_ms=self._clock.now_ms())
        asked = [
            _Question(tenant=tenant, text=query, where=where, vector=vector)
            for query, vector in zip(queries, self._candidates.embed(queries), strict=True)
        ]
        return [self._answer(question, top_k, options) for question in asked]

    def close(self) -> None:
        """End the threads."""
        self._second_look.close()
        self._candidates.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, question: _Question, top_k: int, options: SearchOptions) -> SearchResult:
        reading = Reading(self._stores.graph, question.tenant, question.where, options.condition)
        pool = count_ranked(top_k, options)
        gathered, degraded = self._gather(question, reading, pool)
        reading.read(item.key for item in gathered)
        memories = reading.kept
        found = [item for item in gathered if item.key in memories]
        uses, uncounted = read_uses(self._find_uses, question.tenant, found)
        ranked = add_use(add_importance(add_currency(found, memories, question.text), memories), uses)
        ranked = self._without_parents(question.tenant, put_newest_first(ranked, memories), memories)
        looked = self._second_look.reorder(question.text, ranked, memories, top_k=pool)
        texts = [memories[item.key].text for item in looked.candidates]
        chosen = choose(looked.candidates, texts, top_k=top_k, options=options)
        hits = self._with_sources(question.tenant, chosen, memories, explain=options.explain)
        return SearchResult(hits=hits, degraded=(*degraded, *uncounted, *looked.degraded))

    def _gather(self, question: _Question, reading: Reading, pool: int) -> tuple[list[Candidate], tuple[str, ...]]:
        """Candidates for an answer of ``pool``, with what they are related to, and what was missing.

        They are read while their relations are asked for: two round trips to the graph at once.
        """
        wanted = max(pool + SPARE_CANDIDATES, self._second_look.count_wanted(pool))
        if reading.is_exact:
            fused, degraded = self._widen(question, reading, pool, wanted)
        else:
            asked = self._ask(question, _first_limit(pool))
            fused, degraded = self._weigh(asked, question)[:wanted], asked.degraded
        read = self._threads.submit(reading.read, [item.key for item in fused])
        candidates = spread(fused, partial(self._find_neighbours, question.tenant), hops=self._hops)
        read.result()
        reached = len(candidates) - len(fused)
        return candidates[: wanted + min(reached, SPARE_CANDIDATES)], degraded

    def _widen(
        self, question: _Question, reading: Reading, pool: int, wanted: int
    ) -> tuple[list[Candidate], tuple[str, ...]]:
        """Up to ``wanted`` candidates that satisfy the filter, ``pool`` at least if that many can be reached."""
        limit = _first_limit(pool)
        while True:
            asked = self._ask(question, limit)
            found = reading.find_first(self._weigh(asked, question), wanted)
            if len(found) >= pool or asked.lists.is_all:
                return found, asked.degraded
            if limit >= self._max_candidates:
                return found, (*asked.degraded, f"filters: evaluated on the {limit:,} best candidates only")
            limit = min(2 * limit, self._max_candidates)

    def _ask(self, question: _Question, limit: int) -> Asked:
        return self._candidates.find(
            question.tenant, question.text, question.where, limit=limit, vector=question.vector
        )

    def _weigh(self, asked: Asked, question: _Question) -> list[Candidate]:
        return weigh(asked.lists, question.text, now_ms=self._clock.now_ms(), weights=self._weights)

    def _find_neighbours(self, tenant: TenantId, keys: Sequence[Key]) -> Neighbours:
        graph = self._stores.graph
        found = [
            neighbours_of(cube, graph.find_edges(tenant, cube, ids, limit=MAX_EDGES))
            for cube, ids in by_cube(keys).items()
        ]
        return ChainMap(*map(dict, found))

    def _without_parents(
        self, tenant: TenantId, ranked: Sequence[Candidate], memories: Mapping[Key, Memory]
    ) -> list[Candidate]:
        """The candidates but for summaries of others among them; the graph is asked only if there is a summary."""
        parents: dict[Key, set[Key]] = {}
        for cube, ids in by_cube(item.key for item in ranked if is_summary(memories[item.key])).items():
            parents |= parents_among(cube, self._stores.graph.find_edges(tenant, cube, ids, limit=MAX_EDGES))
        return without_parents(ranked, parents)

    def _with_sources(
        self, tenant: TenantId, ranked: Sequence[Candidate], memories: Mapping[Key, Memory], *, explain: bool
    ) -> list[Hit]:
        sources: dict[Key, tuple[Source, ...]] = {}
        for cube, ids in by_cube(item.key for item in ranked).items():
            found = self._stores.graph.find_sources(tenant, cube, ids)
            sources.update({(cube, memory): messages for memory, messages in found.items()})
        return [
            Hit(
                memory=memories[item.key],
                score=item.score,
                parts=item.parts if explain else {},
                sources=sources.get(item.key, ()),
            )
            for item in ranked
        ]


def _first_limit(pool: int) -> int:
    return max(MIN_CANDIDATES, 3 * pool)
