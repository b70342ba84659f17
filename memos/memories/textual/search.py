"""Search where there is no graph: the candidates of one index, fused as recall fuses them, and read from that index.

query ──> two lists (lists.py) ──> fuse ──> records ──> recency, importance ──> diversity ──> budget ──> top k
              ^                               │ too few may be shown
              └──────── twice as many ────────┘

The index looks at status and memory types; whatever else the options ask for, and whether a memory has expired, is
evaluated on the records. Lists grow until enough may be shown, nothing is left, or they have MAX_CANDIDATES, which is
logged then.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from memos.embedders.base import Embedder
from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.lists import RecordLists
from memos.memories.textual.records import memory_of, parse_record
from memos.recall.choice import choose, count_ranked
from memos.recall.fuse import Candidate, add_importance, add_recency, fuse
from memos.recall.narrowing import build_where
from memos.recall.options import SearchOptions
from memos.recall.reading import Reading
from memos.types import Memory
from memos.vec_dbs.base import RecordIndex

MAX_TOP_K: Final = 1000
# Candidates from each list: enough for the union to hold what either would rank among its first top_k.
MIN_CANDIDATES: Final = 30
# Milvus lists 16,384 at most.
MAX_CANDIDATES: Final = 16_000
# Read beyond the answer: recency and importance can lift some, and some may be deleted by now.
SPARE_CANDIDATES: Final = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordSearch:
    """Finds items of one cube. Without an embedder they are found by their words alone.

    ``max_candidates`` is how long a list may grow.
    """

    tenant: TenantId
    cube: CubeId
    index: RecordIndex
    embedder: Embedder | None
    max_candidates: int = MAX_CANDIDATES

    def find(self, query: str, options: SearchOptions, *, top_k: int, now_ms: int) -> list[TextualMemoryItem]:
        """The best items, best first, none that has expired. Raises Unavailable when nothing could be asked."""
        where = build_where([self.cube], options, now_ms=now_ms)
        asked = replace(where, periods=(), facets=())  # of which a RecordIndex knows nothing
        records = _Records(self.index)
        reading = Reading(records, self.tenant, where, options.condition)
        lists = RecordLists(self.index, self.embedder, self.tenant, query, asked)
        found = self._widen(lists, reading, count_ranked(top_k, options))
        ranked = add_importance(add_recency(found, reading.kept), reading.kept)
        texts = [reading.kept[item.key].text for item in ranked]
        chosen = choose(ranked, texts, top_k=top_k, options=options)
        return [records.build_item(item, explain=options.explain) for item in chosen]

    def _widen(self, lists: RecordLists, reading: Reading, pool: int) -> list[Candidate]:
        """``pool`` candidates that may be shown, if that many can be reached, and perhaps a few more."""
        limit = max(MIN_CANDIDATES, 3 * pool)
        while True:
            asked = lists.ask(limit)
            found = _find_first(reading, fuse(asked.dense, asked.text), pool)
            if len(found) >= pool or asked.is_all:
                return found
            if limit >= self.max_candidates:
                logger.warning("a search looked at the %d best candidates only, too few of which may be shown", limit)
                return found
            limit = min(2 * limit, self.max_candidates)


class _Records:
    """What one search reads of the index, as recall looks at it and as it was written."""

    def __init__(self, index: RecordIndex) -> None:
        self._index = index
        self._items: dict[MemoryId, TextualMemoryItem] = {}

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        found = self._index.find_records(tenant, cube, ids)
        items = {memory: parse_record(row.record) for memory, row in found.items()}
        self._items |= items
        return {memory: memory_of(item, cube, now_ms=0) for memory, item in items.items()}

    def build_item(self, found: Candidate, *, explain: bool) -> TextualMemoryItem:
        """An item that was read, with its score."""
        parts = dict(found.parts) if explain else None
        return self._items[found.key[1]].model_copy(update={"score": found.score, "parts": parts})


def _find_first(reading: Reading, ranked: Sequence[Candidate], pool: int) -> list[Candidate]:
    """The first that may be shown: ``pool`` of them at least, if there are. Most searches need only the first few."""
    wanted = pool + SPARE_CANDIDATES
    found = reading.find_first(ranked[:wanted], wanted)
    return found if len(found) >= pool else reading.find_first(ranked, wanted)


def parse_top_k(value: object) -> int:
    """Check how many items a search may return. Raises InvalidRequest."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_TOP_K:
        raise InvalidRequest(f"top_k must be a whole number from 1 to {MAX_TOP_K}, not {value!r:.40}")
    return value
