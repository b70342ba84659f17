"""From a query to memories that satisfy a filter, best first.

    query ─┬─> dense candidates ─┐
           └─> text candidates ──┴─> records ──> filter ──> score ──> enough? ──> top k
                     ^                                        │ no
                     └────────── four times as many ──────────┘

The index is asked by labels alone; every other condition is evaluated here, exactly. More candidates are fetched until
there are enough, nothing better can follow, or the index has no more; beyond what it can list by likeness at once,
every memory of the labels is read and compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from memos.ids import MemoryId
from memos.mem0.rows import Rows, Vector
from memos.mem0.score import Score, build_score
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.records import parse_record
from memos.vec_dbs.base import IndexFilter

MIN_CANDIDATES: Final = 60
WIDER: Final = 4
MAX_CANDIDATES: Final = 16_384  # what Milvus lists by likeness at once
# A near memory with words in common may be far down among those that have them; ids and scores are cheap to list.
MIN_WORDS: Final = 1000
TIMEOUT_S: Final = 5.0

Keep = Callable[[TextualMemoryItem], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A memory and how well it matches."""

    item: TextualMemoryItem
    score: Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is looked for: memories with these labels that ``keep`` holds for, as good as ``threshold`` or better."""

    labels: tuple[str, ...]
    keep: Keep
    threshold: float
    top_k: int


class Finder:
    """Searches the rows of one collection. Thread-safe."""

    def __init__(self, rows: Rows, *, max_candidates: int = MAX_CANDIDATES) -> None:
        self._rows = rows
        self._max_candidates = max_candidates

    def find(self, query: str, wanted: Wanted) -> list[Found]:
        """The best, best first. Raises Unavailable when the index or the embedder is away."""
        if wanted.top_k == 0:
            return []
        vector = self._rows.embed([query], purpose="query")[0]
        search = _Search(self._rows, query, vector, wanted)
        limit = min(max(MIN_CANDIDATES, WIDER * wanted.top_k), self._max_candidates)
        while not search.look(limit):
            if limit >= self._max_candidates:
                search.read_all()
                break
            limit = min(WIDER * limit, self._max_candidates)
        return search.best()


class _Search:
    """One query: what has been read so far."""

    def __init__(self, rows: Rows, query: str, vector: Vector, wanted: Wanted) -> None:
        self._rows = rows
        self._query = query
        self._vector = vector
        self._wanted = wanted
        self._where = IndexFilter(cubes=(rows.cube,), labels=wanted.labels)
        self._words: dict[MemoryId, float] = {}
        self._items: dict[MemoryId, TextualMemoryItem] = {}
        self._cosines: dict[MemoryId, float] = {}

    def look(self, limit: int) -> bool:
        """Read so many candidates of each kind. True when there is no need to read more."""
        index, tenant = self._rows.index, self._rows.tenant
        nearest = index.search_dense(tenant, self._vector, self._where, limit=limit, timeout_s=TIMEOUT_S)
        words = max(limit, MIN_WORDS)
        said = index.search_text(tenant, self._query, self._where, limit=words, timeout_s=TIMEOUT_S)
        dense = {hit.memory_id: hit.score for hit in nearest}
        self._words = {hit.memory_id: hit.score for hit in said}
        self._cosines |= dense
        self._read([memory for memory in dense if memory not in self._items], vectors=False)
        best_said = [hit.memory_id for hit in said[:limit]]
        self._read([memory for memory in best_said if memory not in self._items], vectors=True)
        if len(nearest) < limit or len(self.best()) >= self._wanted.top_k:
            return True
        next_words = said[limit].score if len(said) > limit else 0.0
        return build_score(nearest[-1].score, next_words).total < self._wanted.threshold

    def read_all(self) -> None:
        """Read every memory of the labels and compare it with the query."""
        rows = self._rows
        for row in rows.index.list_labelled(rows.tenant, rows.cube, self._wanted.labels, vectors=True):
            self._items[row.memory_id] = parse_record(row.record)
            self._cosines[row.memory_id] = _dot(self._vector, row.vector)

    def best(self) -> list[Found]:
        """The best of what has been read."""
        found = [
            Found(item=item, score=build_score(self._cosines[memory], self._words.get(memory, 0.0)))
            for memory, item in self._items.items()
            if self._wanted.keep(item)
        ]
        good = [each for each in found if each.score.total >= self._wanted.threshold]
        return sorted(good, key=lambda each: (-each.score.total, each.item.id))[: self._wanted.top_k]

    def _read(self, ids: Sequence[MemoryId], *, vectors: bool) -> None:
        found = self._rows.index.find_records(self._rows.tenant, self._rows.cube, ids, vectors=vectors)
        for memory, record in found.items():
            self._items[memory] = parse_record(record.record)
            if vectors:
                self._cosines[memory] = _dot(self._vector, record.vector)


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
