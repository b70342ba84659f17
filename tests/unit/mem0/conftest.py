"""mem0's Memory on the twin in RAM, with a clock that stands still and an embedder that counts words."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.mem0.config import config_from_mem0
from memos.mem0.memory import Memory
from memos.mem0.rows import Stores
from memos.settings import Settings
from memos.vec_dbs.memory import MemoryIndex
from tests.support.openai_server import OpenAIServer, serving
from tests.support.text import WordEmbedder

OpenMemory = Callable[..., Memory]


@pytest.fixture
def stores() -> Stores:
    """An index and an embedder that several objects share."""
    index, embedder = MemoryIndex(), WordEmbedder()
    index.ensure(dimension=embedder.dimension, model=embedder.model)
    return Stores(index=index, embedder=embedder)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_memory(stores: Stores, clock: ManualClock, tmp_path: Path) -> Iterator[OpenMemory]:
    """Opens objects on the shared stores: ``open_memory(tenant, **sections)``."""
    with ExitStack() as opened:

        def make(tenant: str = "acme", **sections: Any) -> Memory:
            settings = Settings(data_dir=tmp_path, tenant=tenant)
            made = Memory(config_from_mem0(sections), settings=settings, stores=stores, clock=clock)
            return opened.enter_context(made)

        yield make


@pytest.fixture
def memory(open_memory: OpenMemory) -> Memory:
    """One object, with nothing configured."""
    return open_memory()


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    """A language model that says what it is told to say."""
    with serving() as server:
        yield server


def talking_to(server: OpenAIServer, **config: Any) -> dict[str, Any]:
    """The ``llm`` section for that model."""
    return {"provider": "openai", "config": {"model": "m", "openai_base_url": server.url, "api_key": "k", **config}}


def texts(answer: dict[str, Any]) -> list[str]:
    """The memories of an answer."""
    return [result["memory"] for result in answer["results"]]


def kept(memory: Memory, *said: str, **of: Any) -> list[str]:
    """Add texts word for word, as user "ana" unless ``of`` names somebody; returns their ids."""
    owner = of if {"user_id", "agent_id", "run_id"} & of.keys() else {"user_id": "ana", **of}
    return [memory.add(text, infer=False, **owner)["results"][0]["id"] for text in said]
