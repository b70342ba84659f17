"""Textual memory whose truth is the rows of one index: what naive_text and general_text have in common.

add ──> embed ──> rows (the whole item, its words, its vector)          search ──> candidates ──> rows ──> items
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

from memos import ids
from memos.clock import Clock, SystemClock
from memos.configs.memory import BaseTextMemoryConfig
from memos.embedders.base import Embedder, Purpose
from memos.errors import NotFound
from memos.ids import MemoryId
from memos.memories.textual.base import BaseTextMemory, Given, apply_update, parse_items
from memos.memories.textual.extraction import extract_items, open_extractor
from memos.memories.textual.files import Dump, read_dump, write_dump
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.payload import parse_text
from memos.memories.textual.records import (
    active_in_order,
    build_record,
    complete,
    memory_of,
    parse_id,
    parse_ids,
    parse_record,
    succeed,
    touched,
)
from memos.memories.textual.search import RecordSearch, parse_top_k
from memos.recall.options import SearchKeywords, parse_fast_options
from memos.settings import Settings
from memos.vec_dbs.base import IndexRow, RecordIndex

Vector = Sequence[float]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordStores:
    """What the memories are kept in, ready to be used. Without an embedder rows have no vectors."""

    index: RecordIndex
    embedder: Embedder | None


class IndexedTextMemory(BaseTextMemory):
    """The memories of one cube of the tenant that ``settings`` name. Thread-safe.

    Changes made through one object follow one another; of two processes that change the same memory at the same
    time, the later one wins. A call that fails half way is completed by the same call again.
    """

    backend: ClassVar[str]

    def __init__(
        self,
        config: BaseTextMemoryConfig,
        settings: Settings,
        stores: RecordStores,
        clock: Clock | None,
    ) -> None:
        self._settings = settings
        self._extractor = config.extractor_llm
        self._tenant = ids.tenant_id(settings.tenant)
        self._cube = ids.cube_id(config.cube_id)
        self._index = stores.index
        self._embedder = stores.embedder
        self._clock = clock or SystemClock()
        self._search = RecordSearch(tenant=self._tenant, cube=self._cube, index=stores.index, embedder=stores.embedder)
        self._changing = threading.Lock()

    def add(self, memories: Sequence[Given] | Given) -> list[str]:
        """Store items and return their ids, in order. An item whose id is there already is replaced.

        One embedding batch for all. Of two items with one id the later is kept.
        """
        now_ms = self._clock.now_ms()
        given = [complete(item, self._cube, now_ms=now_ms) for item in parse_items(memories)]
        new = {item.id: item for item in given}
        vectors = self._embed([item.memory for item in new.values()])
        with self._changing:
            old = self._find(list(new))
            kept = [succeed(old[item.id], item) if item.id in old else item for item in new.values()]
            self._write(kept, vectors)
        return [item.id for item in given]

    def get_by_ids(self, memory_ids: Sequence[str]) -> list[TextualMemoryItem]:
        wanted = parse_ids(memory_ids)
        found = self._find(wanted)
        return [found[memory] for memory in wanted if memory in found]

    def get_all(self) -> list[TextualMemoryItem]:
        return active_in_order(parse_record(row.record) for row in self._index.list_records(self._tenant, self._cube))

    def update(self, memory_id: str, new_memory: Given) -> TextualMemoryItem:
        """Replace text and attributes under the same id, with the next version. Raises NotFound.

        The text is embedded again only when it is another one.
        """
        with self._changing:
            old, vector = self._get_with_vector(memory_id)
            now_ms = self._clock.now_ms()
            item = touched(succeed(old, apply_update(old, new_memory)), now_ms=now_ms)
            item = complete(item, self._cube, now_ms=now_ms)
            vectors = [vector] if item.memory == old.memory else self._embed([item.memory], purpose="update")
            self._write([item], vectors)
        return item

    def delete(self, memory_ids: Sequence[str]) -> int:
        wanted = [MemoryId(memory) for memory in parse_ids(memory_ids)]
        with self._changing:
            found = self._index.find_records(self._tenant, self._cube, wanted)
            self._index.delete(self._tenant, self._cube, list(found))
        return len(found)

    def delete_all(self) -> int:
        with self._changing:
            count = len(self._index.list_ids(self._tenant, self._cube))
            self._index.delete_cube(self._tenant, self._cube)
        return count

    def search(self, query: str, top_k: int = 5, **options: Unpack[SearchKeywords]) -> list[TextualMemoryItem]:
        """The best items, best first, within the options (SearchKeywords). What could not be asked is logged."""
        limit, question = parse_top_k(top_k), parse_text(query, "query")
        return self._search.find(question, parse_fast_options(options), top_k=limit, now_ms=self._clock.now_ms())

    def extract(self, messages: Sequence[Mapping[str, Any]]) -> list[TextualMemoryItem]:
        reader = open_extractor(self._extractor, self._settings)
        return extract_items(reader, [messages], clock=self._clock)[0]

    def dump(self, directory: str | Path) -> None:
        """Write all items, the archived ones too, with their vectors into ``directory``, whole or not at all."""
        rows = list(self._index.list_records(self._tenant, self._cube, vectors=True))
        items = tuple(parse_record(row.record) for row in rows)
        if self._embedder is None:
            dump = Dump(items=items)
        else:
            dump = Dump(items=items, vectors={row.memory_id: row.vector for row in rows}, model=self._embedder.model)
        write_dump(directory, dump, backend=self.backend)

    def load(self, directory: str | Path) -> int:
        """Add the items of a dump under their own ids and versions; returns how many. Raises NotFound, Corrupt.

        Vectors of the same model are used again; others are made anew.
        """
        dump = read_dump(directory)
        if dump.edges:
            log.warning("%s keeps no relations: %d of %s are left out", self.backend, len(dump.edges), directory)
        now_ms = self._clock.now_ms()
        items = [complete(item, self._cube, now_ms=now_ms) for item in dump.items]
        vectors = self._vectors_of(dump, items)
        with self._changing:
            self._write(items, vectors)
        return len(items)

    def drop(self) -> None:
        self.delete_all()

    def _find(self, memory_ids: Sequence[str]) -> dict[str, TextualMemoryItem]:
        wanted = [MemoryId(memory) for memory in memory_ids]
        found = self._index.find_records(self._tenant, self._cube, wanted)
        return {memory: parse_record(row.record) for memory, row in found.items()}

    def _get_with_vector(self, memory_id: str) -> tuple[TextualMemoryItem, Vector]:
        wanted = MemoryId(parse_id(memory_id))
        found = self._index.find_records(self._tenant, self._cube, [wanted], vectors=True)
        if wanted not in found:
            raise NotFound(f"there is no memory {memory_id!r:.80}")
        return parse_record(found[wanted].record), found[wanted].vector

    def _embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Vector]:
        if self._embedder is None:
            return [()] * len(texts)
        return self._embedder.embed(texts, purpose=purpose) if texts else []

    def _vectors_of(self, dump: Dump, items: Sequence[TextualMemoryItem]) -> list[Vector]:
        vectors: dict[str, Vector] = {}
        if self._embedder is not None and dump.model == self._embedder.model:
            fits = self._embedder.dimension
            vectors = {memory: vector for memory, vector in dump.vectors.items() if len(vector) == fits}
        lacking = [item for item in items if item.id not in vectors]
        made = self._embed([item.memory for item in lacking])
        vectors |= {item.id: vector for item, vector in zip(lacking, made, strict=True)}
        return [vectors[item.id] for item in items]

    def _write(self, items: Sequence[TextualMemoryItem], vectors: Sequence[Vector]) -> None:
        rows = [
            IndexRow(memory=memory_of(item, self._cube, now_ms=0), vector=vector, record=build_record(item))
            for item, vector in zip(items, vectors, strict=True)
        ]
        self._index.upsert(self._tenant, rows)
