"""Every textual memory, for suites that all of them pass: to add one, write a builder and name it in BUILDERS."""

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

import pytest

from memos.clock import ManualClock
from memos.configs.memory import GeneralTextMemoryConfig, NaiveTextMemoryConfig, TreeTextMemoryConfig
from memos.embedders.base import Purpose
from memos.graph_dbs.factory import build_graph
from memos.graph_dbs.memory import MemoryGraph
from memos.memories.textual.base import BaseTextMemory
from memos.memories.textual.general import GeneralTextMemory
from memos.memories.textual.indexed import RecordStores
from memos.memories.textual.naive import NaiveTextMemory
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.settings import Settings
from memos.vec_dbs.factory import build_index, build_record_index
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import WordEmbedder


class Embedder(WordEmbedder):
    """Words as vectors, whatever they are for."""

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        return [self._embed_one(text) for text in texts]


class Make(Protocol):
    """Makes a memory; all that one builder's result makes share what the memories are kept in."""

    def __call__(self, settings: Settings, cube: str, clock: ManualClock) -> BaseTextMemory: ...


class Open(Protocol):
    """Opens the memory of a cube, by default of this test's own tenant; it is dropped and closed with the test."""

    def __call__(self, cube: str = "cube", *, tenant: str | None = None) -> BaseTextMemory: ...


def naive_text(request: pytest.FixtureRequest) -> Make:
    def make(settings: Settings, cube: str, clock: ManualClock) -> BaseTextMemory:
        return NaiveTextMemory(NaiveTextMemoryConfig(cube_id=cube), settings=settings, clock=clock)

    return make


def naive_text_with_embedder(request: pytest.FixtureRequest) -> Make:
    def make(settings: Settings, cube: str, clock: ManualClock) -> BaseTextMemory:
        config = NaiveTextMemoryConfig(cube_id=cube)
        return NaiveTextMemory(config, settings=settings, clock=clock, embedder=Embedder())

    return make


def general_text_in_ram(request: pytest.FixtureRequest) -> Make:
    return general_text(Settings(milvus_url="memory://"), request)


def general_text_in_milvus(request: pytest.FixtureRequest) -> Make:
    servers: Settings = request.getfixturevalue("settings")
    return general_text(servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"}), request)


def general_text(servers: Settings, request: pytest.FixtureRequest) -> Make:
    index, embedder = build_record_index(servers), Embedder()
    index.ensure(dimension=embedder.dimension, model=embedder.model)
    request.addfinalizer(index.close)
    stores = RecordStores(index=index, embedder=embedder)

    def make(settings: Settings, cube: str, clock: ManualClock) -> BaseTextMemory:
        config = GeneralTextMemoryConfig(cube_id=cube)
        return GeneralTextMemory(config, settings=settings, stores=stores, clock=clock)

    return make


def tree_text_in_ram(request: pytest.FixtureRequest) -> Make:
    return tree_text(TextStores(graph=MemoryGraph(), index=MemoryIndex(), embedder=Embedder()))


def tree_text_on_servers(request: pytest.FixtureRequest) -> Make:
    servers: Settings = request.getfixturevalue("settings")
    own = servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})
    stores = TextStores(graph=build_graph(own), index=build_index(own), embedder=Embedder())
    request.addfinalizer(stores.close)
    return tree_text(stores)


def tree_text(stores: TextStores) -> Make:
    stores.ensure()

    def make(settings: Settings, cube: str, clock: ManualClock) -> BaseTextMemory:
        return TreeTextMemory(TreeTextMemoryConfig(cube_id=cube), settings=settings, stores=stores, clock=clock)

    return make


BUILDERS = [
    tree_text_in_ram,
    pytest.param(tree_text_on_servers, marks=pytest.mark.servers),
    naive_text,
    naive_text_with_embedder,
    general_text_in_ram,
    pytest.param(general_text_in_milvus, marks=pytest.mark.servers),
]
