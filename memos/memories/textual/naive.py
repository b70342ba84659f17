"""Textual memory in RAM: a real fallback where there is no server. ``dump`` is what outlives the process."""

from typing import ClassVar

from memos.clock import Clock
from memos.configs.memory import NaiveTextMemoryConfig
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.memories.textual.indexed import IndexedTextMemory, RecordStores
from memos.settings import Settings, load_settings
from memos.vec_dbs.memory import MemoryIndex


class NaiveTextMemory(IndexedTextMemory):
    """Items in RAM, found by their words (BM25) and, with an embedder, by their meaning. Thread-safe.

    Without an embedder a search finds what has a word of the query in it, in any of its English forms, and nothing
    else. ``embedder`` is one that is open already, used in the place of the one in ``config``.
    """

    backend: ClassVar[str] = "naive_text"

    def __init__(
        self,
        config: NaiveTextMemoryConfig,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        named = settings or load_settings()
        super().__init__(config, named, _open(config, named, embedder), clock)
        self.config = config

    def close(self) -> None:
        """Nothing to give back: the items stay until the object goes."""


def _open(config: NaiveTextMemoryConfig, settings: Settings, given: Embedder | None) -> RecordStores:
    embedder = given
    if embedder is None and config.embedder is not None:
        embedder = EmbedderFactory.from_config(config.embedder, settings=settings)
    index = MemoryIndex()
    if embedder is None:
        index.ensure(dimension=0, model="")
    else:
        index.ensure(dimension=embedder.dimension, model=embedder.model)
    return RecordStores(index=index, embedder=embedder)
