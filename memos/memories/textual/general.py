"""Textual memory in Milvus alone: the whole item is a row, and there is no graph behind it."""

from contextlib import ExitStack
from typing import ClassVar

from memos.clock import Clock
from memos.configs.memory import GeneralTextMemoryConfig
from memos.local.ondemand import ensure_servers
from memos.memories.textual.indexed import IndexedTextMemory, RecordStores
from memos.settings import Settings, load_settings
from memos.vec_dbs.base import RecordIndex
from memos.vec_dbs.factory import VecDBFactory, build_record_index
from memos.wiring import collection_for, open_memory_embedder


class GeneralTextMemory(IndexedTextMemory):
    """The memories of one cube of the tenant that ``settings`` name, in Milvus. Thread-safe.

    They are kept in the collection ``<collection>_records``; an item takes at most 65,535 bytes with its metadata and
    sources. A collection holds vectors of one model: an embedder of its own has a collection of its own, where
    ``config`` names no ``vector_db``, so to change the embedder of a cube, dump it and load it again. With ``stores``
    it works on connections that are somebody else's, ready to be used, and does not close them. A server that nothing
    names is started on demand. Raises Unavailable when one that is named is away.
    """

    backend: ClassVar[str] = "general_text"

    def __init__(
        self,
        config: GeneralTextMemoryConfig,
        *,
        settings: Settings | None = None,
        stores: RecordStores | None = None,
        clock: Clock | None = None,
    ) -> None:
        named = settings or load_settings()
        super().__init__(config, named, stores or open_record_stores(config, named), clock)
        self.config = config
        self._owns_stores = stores is None

    def close(self) -> None:
        if self._owns_stores:
            self._index.close()


def open_record_stores(config: GeneralTextMemoryConfig, settings: Settings) -> RecordStores:
    """The index and the embedder that ``config`` names, and those of the settings for what it leaves open."""
    with ExitStack() as undo:
        index = _open_index(config, settings)
        undo.callback(index.close)
        index.ping()  # before a model is loaded: a server that is away is told of at once
        embedder = open_memory_embedder(config.embedder, settings)
        index.ensure(dimension=embedder.dimension, model=embedder.model)
        undo.pop_all()
    return RecordStores(index=index, embedder=embedder)


def _open_index(config: GeneralTextMemoryConfig, settings: Settings) -> RecordIndex:
    if config.vector_db is not None:
        return VecDBFactory.records_from_config(config.vector_db)
    running = ensure_servers(settings, need=frozenset({"index"}))
    if config.embedder is not None:
        running = running.model_copy(update={"milvus_collection": collection_for(config.embedder, running)})
    return build_record_index(running)
