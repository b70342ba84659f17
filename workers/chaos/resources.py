"""What a worker process of the run owns: the product's own parts, with points between their steps.

The model that reads and the one that embeds are the run's provider, so a worker starts in a second.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

from memos.configs.embedder import EmbedderConfigFactory, UniversalAPIEmbedderConfig
from memos.configs.reading import ReadingConfig
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.neo4j import Neo4jGraph
from memos.ids import CubeId, SessionId, TenantId
from memos.llms.base import LLM
from memos.mem_reader.base import Conversation, Fact, Reader
from memos.memories.textual.stores import TextStores
from memos.settings import Settings
from memos.vec_dbs.base import IndexRow
from memos.vec_dbs.milvus import MilvusIndex
from workers.bootstrap import Resources
from workers.chaos.control import INSIDE_S, Control, Point, SteppedClock

_EMBED_TIMEOUT_S = 5.0


class ChaosResources(Resources):
    """The resources of a worker, passing points. ``fenced`` off leaves the fence away from the graph."""

    def __init__(self, settings: Settings, *, fenced: bool = True) -> None:
        self.control = control_of(settings)
        super().__init__(settings, clock=SteppedClock(self.control))
        self._fenced = fenced
        self._opening = Lock()

    @property
    def stores(self) -> TextStores:
        """Graph, index and embedder; a second thread that asks waits for the first."""
        with self._opening:
            return self._opened

    @cached_property
    def _opened(self) -> TextStores:
        settings = self.settings
        stores = open_run_stores(settings, index=PointedIndex(settings, self.control))
        return self.keep_open(stores if self._fenced else _without_fence(stores, settings))

    def reader(self, described: Mapping[str, Any] | None) -> Reader:
        """The reader that a job asks for, with a point in the middle of its question."""
        return PointedReader(super().reader(described), self.control)


class PointedIndex(MilvusIndex):
    """Milvus, with a point before rows are written: the graph has committed by then."""

    def __init__(self, settings: Settings, control: Control) -> None:
        super().__init__(str(settings.milvus_url), settings.milvus_token.get_secret_value(), settings.milvus_collection)
        self._control = control

    def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
        """Write rows."""
        self._control.pass_point(Point.BETWEEN_STORES)
        super().upsert(tenant, rows)


class PointedReader:
    """A reader with a point in the middle of its question."""

    def __init__(self, inner: Reader, control: Control) -> None:
        self._inner = inner
        self._control = control

    @property
    def keeps_answers(self) -> bool:
        return self._inner.keeps_answers

    @property
    def llm(self) -> LLM | None:
        return self._inner.llm

    def for_cube(self, own: ReadingConfig) -> "PointedReader":
        return PointedReader(self._inner.for_cube(own), self._control)

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        self._control.pass_point(Point.DURING_LLM, inside_s=INSIDE_S)
        return self._inner.read(conversations)


class UnfencedGraph(Neo4jGraph):
    """A defect: writes whatever its holder's fence is."""

    def apply_jobs(
        self,
        tenant: TenantId,
        cube: CubeId,
        session: SessionId,
        writes: Sequence[JobWrite],
        *,
        fence: int | None,
        bulk: bool = False,
    ) -> None:
        """Write jobs, messages and memories."""
        del fence
        super().apply_jobs(tenant, cube, session, writes, fence=None, bulk=bulk)


def control_of(settings: Settings) -> Control:
    """The control directory, beside the data directory of each process of a run."""
    return Control(directory=settings.data_dir.parent / "control")


def open_run_stores(settings: Settings, *, index: MilvusIndex | None = None) -> TextStores:
    """The stores of a run, made when missing. Raises Unavailable."""
    stores = TextStores(
        graph=_open_graph(settings, Neo4jGraph),
        index=index or PointedIndex(settings, control_of(settings)),
        embedder=_open_embedder(settings),
    )
    stores.ensure()
    return stores


def _without_fence(stores: TextStores, settings: Settings) -> TextStores:
    stores.graph.close()
    return TextStores(graph=_open_graph(settings, UnfencedGraph), index=stores.index, embedder=stores.embedder)


def _open_graph(settings: Settings, kind: type[Neo4jGraph]) -> Neo4jGraph:
    password = settings.neo4j_password.get_secret_value()
    return kind(str(settings.neo4j_url), settings.neo4j_user, password, settings.neo4j_database)


def _open_embedder(settings: Settings) -> Embedder:
    config = UniversalAPIEmbedderConfig(
        model_name_or_path="chaos", base_url=settings.llm_base_url, timeout_s=_EMBED_TIMEOUT_S, max_retries=0
    )
    return EmbedderFactory.from_config(EmbedderConfigFactory(backend="universal_api", config=config))
