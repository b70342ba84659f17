"""``memos bench recall-scale``: searches among many tenants or in large cubes, and what those take up.

    statements ──> graph, then index: what the writer writes, without queue and reader ──> flush ──> searches

Each tenant has one cube, filled whole before the next. Up to EMBEDDED_MOST memories have the embeddings of their texts;
beyond that vectors are random, of unit length: what they find means nothing then.
Questions are embedded in either case, and tenants ask in turn.

    vectors                        "embeddings" or "random"
    stopped_by                     "time" or "disk" when a limit ended the filling early, else ""
    graph_memories_per_s           batches of BATCH, or of a cube if that is smaller; a client that waits for each
    index_rows_per_s               the same, without the embedding
    search_p50_ms, search_p95_ms   with the embedding of a new question
    searches_degraded              those that had to do without something; searches_failed: those that raised
"""

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from memos.bench.statements import build_write, statements
from memos.bench.timing import percentile_ms
from memos.errors import InvalidConfig, Unavailable
from memos.ids import CubeId, SessionId, TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.search import Recall
from memos.settings import Settings
from memos.types import Lane
from memos.vec_dbs.base import IndexRow
from memos.wiring import open_stores

BATCH: Final = 500
EMBEDDED_MOST: Final = 100_000
TOP_K: Final = 10
_GB: Final = 1e9
_QUESTIONS_SEED: Final = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is filled in, how many searches follow, and where filling ends early.

    More memories than ``embedded_most`` have random vectors.
    """

    tenants: int = 1_000
    memories: int = 100
    searches: int = 300
    max_minutes: float = 60.0
    max_gb: float = 20.0
    embedded_most: int = EMBEDDED_MOST

    @property
    def is_embedded(self) -> bool:
        return self.tenants * self.memories <= self.embedded_most


QUICK: Final = Plan(tenants=20, memories=50, searches=40, max_minutes=5.0, max_gb=2.0)


def require_own_servers(settings: Settings) -> None:
    """A benchmark must never fill anybody's production. Raises InvalidConfig when the settings name a store."""
    for name in ("neo4j_url", "milvus_url"):
        if getattr(settings, name) is not None:
            raise InvalidConfig(f"memos bench recall-scale starts stores of its own; unset MEMOS_{name.upper()}")


def measure(settings: Settings, plan: Plan) -> dict[str, Any]:
    """All figures, on the stores that run on the settings' data directory."""
    with closing(open_stores(settings)) as stores:
        filling = _Filling(stores=stores, data_dir=settings.data_dir, plan=plan)
        filling.fill()
        return {**_conditions(plan, stores), **filling.figures, **_measure_searches(stores, filling.lanes, plan)}


@dataclass(kw_only=True, slots=True)
class _Filling:
    """Fills cube after cube, and keeps account of the seconds at each store."""

    stores: TextStores
    data_dir: Path
    plan: Plan
    lanes: list[Lane] = field(default_factory=list[Lane])
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    written: int = 0
    stopped_by: str = ""

    def fill(self) -> None:
        """Every cube, or as many as the limits admit; then seal the index."""
        ends_s = time.monotonic() + 60 * self.plan.max_minutes
        for lane, first, texts in _batches(self.plan):
            self.stopped_by = self._find_limit(ends_s)
            if self.stopped_by:
                break
            if first == 0:
                self.lanes.append(lane)
            self._write(lane, first, texts)
        with self._timed("flush"):
            self.stores.index.flush()

    @property
    def figures(self) -> dict[str, Any]:
        index_bytes = _size_bytes(self.data_dir / "milvus")
        return {
            "stopped_by": self.stopped_by,
            "tenants_filled": len(self.lanes),
            "memories_filled": self.written,
            "graph_memories_per_s": round(self.written / self.seconds["graph"], 1),
            "index_rows_per_s": round(self.written / self.seconds["index"], 1),
            "flush_s": round(self.seconds["flush"], 2),
            "index_mb": round(index_bytes / 1e6, 1),
            "index_bytes_per_memory": round(index_bytes / self.written),
            "graph_mb": round(_size_bytes(self.data_dir / "arcadedb") / 1e6, 1),
        }

    def _write(self, lane: Lane, first: int, texts: Sequence[str]) -> None:
        write = build_write(lane, texts, first=first)
        vectors = self.stores.embedder.embed(texts) if self.plan.is_embedded else self._random_vectors(len(texts))
        with self._timed("graph"):
            self.stores.graph.apply_jobs(lane.tenant, lane.cube, lane.session, [write], fence=None)
        rows = [
            IndexRow(memory=memory, vector=vector, context=text)
            for memory, vector, text in zip(write.memories, vectors, texts, strict=True)
        ]
        with self._timed("index"):
            self.stores.index.upsert(lane.tenant, rows)
        with self._timed("graph"):
            self.stores.graph.mark_indexed(lane.tenant, lane.cube, {memory.id: 1 for memory in write.memories})
        self.written += len(texts)

    def _random_vectors(self, count: int) -> list[list[float]]:
        shape = (count, self.stores.embedder.dimension)
        drawn = np.random.default_rng(self.written).standard_normal(shape)
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()

    def _find_limit(self, ends_s: float) -> str:
        """The limit that is reached; none before something is written, so that there is something to measure."""
        if not self.written:
            return ""
        if time.monotonic() > ends_s:
            return "time"
        return "disk" if _size_bytes(self.data_dir) > self.plan.max_gb * _GB else ""

    @contextmanager
    def _timed(self, what: str) -> Generator[None]:
        began_s = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - began_s


def _batches(plan: Plan) -> Iterator[tuple[Lane, int, list[str]]]:
    """Each cube's statements, in batches with the number of their first."""
    for number in range(plan.tenants):
        lane = Lane(tenant=TenantId(f"bench-{number}"), cube=CubeId("bench"), session=SessionId("filled"))
        texts = statements(number)
        for first in range(0, plan.memories, BATCH):
            yield lane, first, list(islice(texts, min(BATCH, plan.memories - first)))


def _measure_searches(stores: TextStores, lanes: Sequence[Lane], plan: Plan) -> dict[str, Any]:
    times: list[float] = []
    counts: Counter[str] = Counter()
    with closing(Recall(stores)) as recall:
        for lane in lanes[:5]:
            recall.search(lane.tenant, [lane.cube], "warm up", top_k=TOP_K)
        for lane, question in zip(cycle(lanes), islice(statements(_QUESTIONS_SEED), plan.searches), strict=False):
            began_s = time.perf_counter()
            counts[_search(recall, lane, question)] += 1
            times.append((time.perf_counter() - began_s) * 1000)
    return {
        "search_p50_ms": percentile_ms(times, 50),
        "search_p95_ms": percentile_ms(times, 95),
        **{f"searches_{how}": counts[how] for how in ("whole", "degraded", "failed")},
    }


def _search(recall: Recall, lane: Lane, question: str) -> str:
    """How a search ended."""
    try:
        found = recall.search(lane.tenant, [lane.cube], question, top_k=TOP_K)
    except Unavailable:
        return "failed"
    return "degraded" if found.degraded else "whole"


def _conditions(plan: Plan, stores: TextStores) -> dict[str, Any]:
    return {
        "tenants": plan.tenants,
        "memories_per_tenant": plan.memories,
        "vectors": "embeddings" if plan.is_embedded else "random",
        "embedder": stores.embedder.model,
        "dimension": stores.embedder.dimension,
        "index_server": stores.index.ping(),
        "graph_server": stores.graph.ping(),
        "searches": plan.searches,
        "top_k": TOP_K,
    }


def _size_bytes(directory: Path) -> int:
    """The files below a directory; one that a server takes away meanwhile counts nothing."""
    total = 0
    for file in directory.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
