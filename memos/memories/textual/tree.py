"""Textual memory in a graph, with an index beside it: what MOS keeps its cubes in, usable alone.

add ──> graph (truth) ──> embed ──> index      search ──> index candidates ──> relations ──> graph ──> items
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Unpack

from memos import ids
from memos.clock import Clock, SystemClock
from memos.configs.memory import TreeTextMemoryConfig
from memos.graph_dbs.base import JobWrite
from memos.ids import MemoryId, SessionId, new_job_id
from memos.memories.textual.base import BaseTextMemory, Given, apply_update, parse_items
from memos.memories.textual.extraction import extract_items, open_extractor
from memos.memories.textual.files import Dump, read_dump, write_dump
from memos.memories.textual.history import find_chain
from memos.memories.textual.item import (
    TextualEdge,
    TextualMemoryItem,
    item_of_hit,
    item_of_memory,
    memory_of_item,
    message_of_source,
)
from memos.memories.textual.listing import list_all, list_items
from memos.memories.textual.payload import parse_text
from memos.memories.textual.records import DIRECT_SESSION, DIRECT_USER, parse_ids
from memos.memories.textual.relations import GivenEdge, Relations, parse_depth
from memos.memories.textual.search import parse_top_k
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.recall.options import SearchKeywords, parse_fast_options
from memos.recall.search import Recall
from memos.rerankers.base import Reranker
from memos.settings import Settings, load_settings
from memos.types import Memory
from memos.wiring import open_reranker, open_tree_stores

BACKEND: Final = "tree_text"

log = logging.getLogger(__name__)


class TreeTextMemory(BaseTextMemory):
    """The memories of one cube of the tenant that ``settings`` name, in Neo4j and Milvus. Thread-safe.

    With ``stores`` or a ``reranker`` it works on what is somebody else's, and does not close it. Servers that nothing
    names are started on demand. Raises Unavailable, naming which, when one that is named is away.
    """

    def __init__(
        self,
        config: TreeTextMemoryConfig,
        *,
        settings: Settings | None = None,
        stores: TextStores | None = None,
        clock: Clock | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self.config = config
        self._settings = settings or load_settings()
        self._tenant = ids.tenant_id(self._settings.tenant)
        self._cube = ids.cube_id(config.cube_id)
        self._clock = clock or SystemClock()
        self._own_reranker = None if reranker else open_reranker(config.reranker, self._settings)
        self._owns_stores = stores is None
        self._stores = stores or open_tree_stores(config, self._settings)
        self._changing = threading.Lock()
        self._writer = TextWriter(self._stores, self._clock)
        self._relations = Relations(graph=self._stores.graph, tenant=self._tenant, cube=self._cube)
        self._recall = Recall(self._stores, reranker or self._own_reranker, clock=self._clock, hops=config.max_hops)

    def add(self, memories: Sequence[Given] | Given) -> list[str]:
        """Store items and return their ids, in order. An item whose id is there already is replaced.

        New items of a session are written in one transaction, then embedded and indexed in batches.
        """
        items = parse_items(memories)
        rows = {item.id: self._row(item) for item in items}
        with self._changing:  # of two that add one id at once, the later one replaces
            existing = self._stores.graph.find_memories(self._tenant, self._cube, list(map(MemoryId, rows)))
            for memory in existing:
                self._stores.graph.update_memory(self._tenant, rows[memory])
            self._write([item for item in {item.id: item for item in items}.values() if item.id not in existing], rows)
        self._writer.index_lagging(self._tenant, self._cube)
        return [item.id for item in items]

    def get_by_ids(self, memory_ids: Sequence[str]) -> list[TextualMemoryItem]:
        wanted = [MemoryId(memory) for memory in parse_ids(memory_ids)]
        found = self._stores.graph.find_memories(self._tenant, self._cube, wanted)
        sources = self._stores.graph.find_sources(self._tenant, self._cube, list(found))
        return [item_of_memory(found[each], sources.get(each, ())) for each in wanted if each in found]

    def get_all(self) -> list[TextualMemoryItem]:
        return list(list_items(self._stores.graph, self._tenant, self._cube))

    def update(self, memory_id: str, new_memory: Given) -> TextualMemoryItem:
        item = apply_update(self.get(memory_id), new_memory)
        row = replace(self._row(item), updated_at_ms=self._clock.now_ms())
        stored = self._stores.graph.update_memory(self._tenant, row)
        self._writer.index_lagging(self._tenant, self._cube)
        return item_of_memory(stored).model_copy(update={"sources": self.get(memory_id).sources})

    def delete(self, memory_ids: Sequence[str]) -> int:
        wanted = [MemoryId(memory) for memory in parse_ids(memory_ids)]
        deleted = self._stores.graph.delete_memories(self._tenant, self._cube, wanted)
        self._stores.index.delete(self._tenant, self._cube, wanted)
        self._writer.index_lagging(self._tenant, self._cube)  # summaries of it are hidden until they are made anew
        return deleted

    def delete_all(self) -> int:
        """Remove every item for good, and the messages that they came from; returns how many items there were."""
        counts = self._stores.graph.delete_cube(self._tenant, self._cube, keep_settings=True)
        self._stores.index.delete_cube(self._tenant, self._cube)
        return counts.memories

    def search(self, query: str, top_k: int = 5, **options: Unpack[SearchKeywords]) -> list[TextualMemoryItem]:
        """The best items, best first, and what they are related to, within the options (SearchKeywords).

        Relations are followed for ``max_hops`` steps of the configuration. What could not be asked is logged.
        """
        limit, question = parse_top_k(top_k), parse_text(query, "query")
        wanted = parse_fast_options(options)
        found = self._recall.search(self._tenant, [self._cube], question, top_k=limit, options=wanted)
        for missing in found.degraded:
            log.warning("a search went without %s", missing)
        return [item_of_hit(hit) for hit in found.hits]

    def link(self, edges: Sequence[GivenEdge] | GivenEdge) -> None:
        """Relate memories of this cube, all or none; a relation that is there already stays one.

        An edge is a TextualEdge or a mapping with ``source``, ``target`` and ``type``: PARENT (from a summary to what
        it sums up), RELATES, CAUSE, FOLLOWS, MERGED_TO, SUPERSEDES or CONTRADICTS. Raises NotFound for an unknown
        memory, and InvalidRequest.
        """
        self._relations.link(edges)

    def unlink(self, edges: Sequence[GivenEdge] | GivenEdge) -> int:
        """Remove relations; returns how many there were."""
        return self._relations.unlink(edges)

    def get_edges(self, memory_ids: Sequence[str] | None = None) -> list[TextualEdge]:
        """The relations that begin or end at these memories, or all between active ones, each once, sorted."""
        if memory_ids is not None:
            return self._relations.touching([MemoryId(memory) for memory in parse_ids(memory_ids)])
        return self._relations.among([memory.id for memory in list_all(self._stores.graph, self._tenant, self._cube)])

    def get_subgraph(self, memory_ids: Sequence[str], depth: int = 1) -> dict[str, list[Any]]:
        """What is up to ``depth`` steps away: ``{"nodes": [item, ...], "edges": [edge, ...]}``, archived ones too."""
        start = [MemoryId(memory) for memory in parse_ids(memory_ids)]
        edges = self._relations.around(start, depth=parse_depth(depth))
        reached = dict.fromkeys([*start, *(end for edge in edges for end in (edge.source, edge.target))])
        return {"nodes": self.get_by_ids(list(reached)), "edges": edges}

    def get_relevant_subgraph(self, query: str, top_k: int = 5, depth: int = 2) -> dict[str, list[Any]]:
        """The subgraph around the ``top_k`` memories that a search finds, these first."""
        return self.get_subgraph([item.id for item in self.search(query, top_k)], depth)

    def history(self, memory_id: str) -> list[TextualMemoryItem]:
        """The item, what it superseded or took in, and what superseded it or took it in, oldest first.

        Archived ones too. Of a long history the part around the item. Raises NotFound.
        """
        start = MemoryId(self.get(memory_id).id)
        chain = find_chain(self._stores.graph, self._tenant, self._cube, start)
        return self.get_by_ids(chain)

    def extract(self, messages: Sequence[Mapping[str, Any]]) -> list[TextualMemoryItem]:
        reader = open_extractor(self.config.extractor_llm, self._settings)
        return extract_items(reader, [messages], clock=self._clock)[0]

    def dump(self, directory: str | Path) -> None:
        """Write all items, the archived ones too, and their relations into ``directory``, whole or not at all."""
        items = tuple(list_items(self._stores.graph, self._tenant, self._cube, status=None))
        edges = tuple(self._relations.among([MemoryId(item.id) for item in items]))
        write_dump(directory, Dump(items=items, edges=edges), backend=BACKEND)

    def load(self, directory: str | Path) -> int:
        """Add the items of a dump under their own ids and versions, and its relations; returns how many items.

        What has one of the ids is replaced and keeps its other relations. Raises NotFound, Corrupt.
        """
        dump = read_dump(directory)
        self._write(dump.items, {item.id: self._row(item) for item in dump.items}, replaces=True)
        self._relations.link(dump.edges)
        self._writer.index_lagging(self._tenant, self._cube)
        return len(dump.items)

    def drop(self) -> None:
        self.delete_all()

    def close(self) -> None:
        self._recall.close()
        if self._own_reranker is not None:
            self._own_reranker.close()
        if self._owns_stores:
            self._stores.close()

    def _row(self, item: TextualMemoryItem) -> Memory:
        parse_text(item.memory, "memory")
        return memory_of_item(item, self._cube, DIRECT_USER, DIRECT_SESSION, now_ms=self._clock.now_ms())

    def _write(self, items: Sequence[TextualMemoryItem], rows: Mapping[str, Memory], *, replaces: bool = False) -> None:
        by_session: dict[SessionId, list[TextualMemoryItem]] = defaultdict(list)
        for item in items:
            by_session[rows[item.id].session].append(item)
        for session, group in by_session.items():
            messages = {source.message_id: message_of_source(source) for item in group for source in item.sources}
            write = JobWrite(
                job=new_job_id(),
                user=DIRECT_USER,
                messages=tuple(messages.values()),
                memories=tuple(rows[item.id] for item in group),
                replaces=replaces,
            )
            self._stores.graph.apply_jobs(self._tenant, self._cube, session, [write], fence=None)
