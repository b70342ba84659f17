"""Search where there is no graph: the candidates of one index, fused as recall fuses them, and read from that index.

query ─┬─> embed ──> dense candidates ─┐
       └──────────> text candidates ───┴─> fuse ──> records ──> recency, importance ──> top k
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from memos.embedders.base import Embedder
from memos.errors import InvalidRequest, Unavailable
from memos.ids import CubeId, TenantId
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.records import memory_of, parse_record
from memos.recall.fuse import Candidate, add_importance, add_recency, fuse
from memos.types import MemoryStatus, MemoryType
from memos.vec_dbs.base import IndexFilter, IndexHit, RecordIndex

MAX_TOP_K: Final = 1000
TIMEOUT_S: Final = 5.0
# Candidates from each list: enough for the union to hold what either would rank among its first top_k.
MIN_CANDIDATES: Final = 30
# Read beyond the answer: recency and importance can lift some, and some may be deleted by now.
SPARE_CANDIDATES: Final = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordSearch:
    """Finds items of one tenant. Without an embedder they are found by their words alone."""

    tenant: TenantId
    index: RecordIndex
    embedder: Embedder | None

    def find(self, query: str, where: IndexFilter, *, top_k: int) -> list[TextualMemoryItem]:
        """The best items of the filter's only cube, best first. Raises Unavailable when nothing could be asked."""
        limit = max(MIN_CANDIDATES, 3 * top_k)
        dense, text = self._candidates(query, where, limit)
        candidates = fuse(dense, text)[: top_k + SPARE_CANDIDATES]
        return self._read(candidates, where.cubes[0])[:top_k]

    def _candidates(self, query: str, where: IndexFilter, limit: int) -> tuple[list[IndexHit], list[IndexHit]]:
        asked: dict[str, Callable[[], list[IndexHit]]] = {"text": lambda: self._text(query, where, limit)}
        if self.embedder is not None:
            asked["dense"] = lambda: self._dense(query, where, limit)
        found: dict[str, list[IndexHit]] = {}
        failures: list[Unavailable] = []
        with ThreadPoolExecutor(
            len(asked)
        ) as threads:  # side by side, so that a server that is away is waited for once
            answers = {name: threads.submit(ask) for name, ask in asked.items()}
        for name, answer in answers.items():
            try:
                found[name] = answer.result()
            except Unavailable as error:
                failures.append(error)
                logger.warning("a search went without %s candidates: %s", name, error)
        if not found:
            raise failures[0]
        return found.get("dense", []), found.get("text", [])

    def _text(self, query: str, where: IndexFilter, limit: int) -> list[IndexHit]:
        return self.index.search_text(self.tenant, query, where, limit=limit, timeout_s=TIMEOUT_S)

    def _dense(self, query: str, where: IndexFilter, limit: int) -> list[IndexHit]:
        if self.embedder is None:
            return []
        vector = self.embedder.embed([query], purpose="query")[0]
        return self.index.search_dense(self.tenant, vector, where, limit=limit, timeout_s=TIMEOUT_S)

    def _read(self, candidates: Sequence[Candidate], cube: CubeId) -> list[TextualMemoryItem]:
        records = self.index.find_records(self.tenant, cube, [item.key[1] for item in candidates])
        items = {(cube, memory): parse_record(found.record) for memory, found in records.items()}
        active = {key: item for key, item in items.items() if item.metadata.status is MemoryStatus.ACTIVATED}
        memories = {key: memory_of(item, cube, now_ms=0) for key, item in active.items()}
        found = [item for item in candidates if item.key in active]
        ranked = add_importance(add_recency(found, memories), memories)
        return [active[item.key].model_copy(update={"score": item.score, "parts": dict(item.parts)}) for item in ranked]


def parse_memory_types(given: object) -> tuple[MemoryType, ...]:
    """The memory types that a caller named, as such or by name. Raises InvalidRequest, listing the known ones."""
    several = cast(Iterable[object], given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    try:
        return tuple(MemoryType(name) for name in several)
    except ValueError:
        raise InvalidRequest(f"memory_types must be a list of {', '.join(MemoryType)}, not {given!r:.80}") from None


def parse_top_k(value: object) -> int:
    """Check how many items a search may return. Raises InvalidRequest."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_TOP_K:
        raise InvalidRequest(f"top_k must be a whole number from 1 to {MAX_TOP_K}, not {value!r:.40}")
    return value
