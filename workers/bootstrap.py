"""What a worker process owns: built on first use, after the fork or spawn, and closed when the process ends."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from threading import Lock
from typing import Any, Protocol, TypeVar

from memos.clock import Clock, SystemClock
from memos.configs.llm import HuggingFaceLLMConfig
from memos.configs.mem_reader import MemReaderConfigFactory
from memos.graph_dbs.base import GraphStore
from memos.graph_dbs.factory import build_graph
from memos.kv.store import ArtefactStore
from memos.mem_os.activation import Activation
from memos.mem_reader.base import Reader
from memos.memories.textual.pruning import Pruner
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.settings import Settings, load_settings
from memos.wiring import open_model, open_stores
from scheduler import MemScheduler
from scheduler.connection import connect, require_redis_url
from scheduler.keys import WORKERS_KEY
from scheduler.mailbox import Mailbox
from scheduler.roll import Roll
from scheduler.throttle import Provider, Throttle
from workers.throttle import open_throttled_reader


class Closable(Protocol):
    """Something that wants to be told when it is over."""

    def close(self) -> None: ...


_C = TypeVar("_C", bound=Closable)


class Resources:
    """Servers and models of one process, each built when a job first asks for it."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._open = ExitStack()
        self._readers: dict[str, Reader] = {}
        self._building = Lock()
        self._stores: TextStores | None = None

    @cached_property
    def mailbox(self) -> Mailbox:
        """The mailboxes that this process works on."""
        redis = connect(self.redis_url)
        self._open.callback(redis.close)
        return Mailbox(redis)

    @cached_property
    def roll(self) -> Roll:
        """The workers that were seen lately."""
        return self.keep_open(Roll.from_url(self.redis_url, WORKERS_KEY))

    @cached_property
    def scheduler(self) -> MemScheduler:
        """For follow-up jobs."""
        return self.keep_open(MemScheduler.from_url(self.redis_url))

    @property
    def stores(self) -> TextStores:
        """Graph, index and embedder; a second thread that asks waits for the first."""
        with self._building:
            if self._stores is None:
                self._stores = self.keep_open(open_stores(self.settings))
            return self._stores

    @cached_property
    def graph(self) -> GraphStore:
        """The graph alone, for a process that embeds nothing."""
        return self.keep_open(build_graph(self.settings))

    @cached_property
    def writer(self) -> TextWriter:
        """What turns messages into memories."""
        return TextWriter(self.stores, self.clock)

    @cached_property
    def pruner(self) -> Pruner:
        """What archives the memories that are beyond a cube's retention."""
        half_life_days = self.settings.decay_half_life_days
        return Pruner(self.stores, self.artefacts, self.clock, half_life_days=half_life_days)

    def reader(self, described: Mapping[str, Any] | None) -> Reader:
        """The reader that a job asks for, else the one of the settings; made once. Raises InvalidConfig."""
        key = json.dumps(described, sort_keys=True)
        if key not in self._readers:
            config = None if described is None else MemReaderConfigFactory.model_validate(described)
            self._readers[key] = open_throttled_reader(config, self.settings, self._open_throttle)
        return self._readers[key]

    def activation(self, model: Mapping[str, Any]) -> Activation:
        """What builds KV states with the model that a job names; weights are loaded once a process."""
        config = HuggingFaceLLMConfig.model_validate({**model, "device": self.settings.device})
        return Activation(self.graph, open_model(config, self.settings), self.artefacts, self.clock)

    @cached_property
    def artefacts(self) -> ArtefactStore:
        """The KV artefacts of this installation."""
        return ArtefactStore(self.settings.kv_root)

    @property
    def redis_url(self) -> str:
        """The data plane. Raises InvalidConfig."""
        return require_redis_url(self.settings)

    def keep_open(self, thing: _C) -> _C:
        """Close this too when the process ends, in the reverse order of opening."""
        self._open.callback(thing.close)
        return thing

    def close(self) -> None:
        """Close what was built; harmless when done twice."""
        self._open.close()

    def _open_throttle(self, provider: Provider) -> Throttle:
        calls = self.settings.provider_calls
        return self.keep_open(Throttle.from_url(self.redis_url, provider, max_calls=calls))


class ProcessResources:
    """The one Resources of a process: built by the first task, not at import."""

    def __init__(self, build: Callable[[], Resources]) -> None:
        self._build = build
        self._lock = Lock()
        self._built: Resources | None = None

    def get(self) -> Resources:
        """The process's resources. Raises InvalidConfig."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built

    def close(self) -> None:
        """Close them if they were built."""
        with self._lock:
            if self._built is not None:
                self._built.close()
            self._built = None


def build_resources() -> Resources:
    """Resources under the settings of this process."""
    return Resources(load_settings())
