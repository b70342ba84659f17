"""The memories of one collection, which is a cube of ours: whole items in the rows of an index that knows labels."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, cast

from memos.configs.vec_db import MemoryVecDBConfig, MilvusVecDBConfig
from memos.embedders.base import Embedder, Purpose
from memos.errors import InvalidConfig, NotFound
from memos.ids import CubeId, MemoryId, TenantId, cube_id, tenant_id
from memos.local.ondemand import ensure_servers
from memos.mem0.config import MemoryConfig
from memos.mem0.payload import labels_of
from memos.mem0.scope import Scope, build_label
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.records import build_record, memory_of, parse_id, parse_record
from memos.registry import Registry
from memos.settings import Settings
from memos.vec_dbs.base import IndexRow, LabelledIndex
from memos.vec_dbs.factory import TWIN_URL
from memos.wiring import collection_for, open_memory_embedder

Vector = Sequence[float]

BACKENDS: Final = Registry(
    "vector index backend",
    {
        "memory": "memos.vec_dbs.memory:build_records",
        "milvus": "memos.vec_dbs.milvus_records:build_labelled",
    },
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """What the memories are kept in, ready to be used."""

    index: LabelledIndex
    embedder: Embedder


class Rows:
    """The items of one cube of one tenant. Thread-safe, but that of two changes of one item the later wins."""

    def __init__(self, stores: Stores, *, tenant: str, collection: str) -> None:
        self.tenant: TenantId = tenant_id(tenant)
        self.cube: CubeId = cube_id(collection)
        self.index = stores.index
        self.embedder = stores.embedder

    def find(self, memory_id: object) -> tuple[TextualMemoryItem, Vector] | None:
        """An item and its vector, or None."""
        wanted = MemoryId(parse_id(memory_id))
        found = self.index.find_records(self.tenant, self.cube, [wanted], vectors=True).get(wanted)
        return None if found is None else (parse_record(found.record), found.vector)

    def get(self, memory_id: object) -> tuple[TextualMemoryItem, Vector]:
        """An item and its vector. Raises NotFound."""
        found = self.find(memory_id)
        if found is None:
            raise NotFound(f"there is no memory {memory_id!r:.80}; get_all() lists those of a user, agent or run")
        return found

    def list(self, labels: Sequence[str]) -> Iterator[TextualMemoryItem]:
        """The items that have all the labels, in no order."""
        found = self.index.list_labelled(self.tenant, self.cube, labels)
        return (parse_record(row.record) for row in found)

    def has(self, scope: Scope, text_hash: str) -> bool:
        """True when somebody of this scope has a memory of exactly this text."""
        labels = (*scope.labels, build_label("hash", text_hash))
        return any(True for _ in self.index.list_labelled(self.tenant, self.cube, labels))

    def put(self, items: Sequence[TextualMemoryItem], vectors: Sequence[Vector]) -> None:
        """Write items, in the place of those with their ids."""
        rows = [
            IndexRow(
                memory=memory_of(item, self.cube, now_ms=0),
                vector=vector,
                record=build_record(item),
                labels=labels_of(item),
            )
            for item, vector in zip(items, vectors, strict=True)
        ]
        self.index.upsert(self.tenant, rows)

    def delete(self, items: Sequence[TextualMemoryItem]) -> None:
        """Remove items; an absent one is no error."""
        self.index.delete(self.tenant, self.cube, [MemoryId(item.id) for item in items])

    def clear(self) -> None:
        """Remove all items."""
        self.index.delete_cube(self.tenant, self.cube)

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Vector]:
        """One vector a text."""
        return self.embedder.embed(texts, purpose=purpose) if texts else []


def open_stores(config: MemoryConfig, settings: Settings) -> Stores:
    """The index and the embedder that ``config`` names, and those of the settings for what it leaves open.

    Raises Unavailable when a server is away, InvalidConfig when embedder and collection do not go together.
    """
    with ExitStack() as undo:
        index = _open_index(config, settings)
        undo.callback(index.close)
        index.ping()  # before a model is loaded: a server that is away is told of at once
        embedder = open_memory_embedder(config.embedder, settings)
        _check_dimension(config, embedder)
        index.ensure(dimension=embedder.dimension, model=embedder.model)
        undo.pop_all()
    return Stores(index=index, embedder=embedder)


def _open_index(config: MemoryConfig, settings: Settings) -> LabelledIndex:
    if config.vector_store.server is not None:
        return cast(LabelledIndex, BACKENDS.load("milvus")(config.vector_store.server))
    running = ensure_servers(settings, need=frozenset({"index"}))
    if running.milvus_url == TWIN_URL:
        return cast(LabelledIndex, BACKENDS.load("memory")(MemoryVecDBConfig()))
    collection = running.milvus_collection if config.embedder is None else collection_for(config.embedder, running)
    server = {"url": running.milvus_url, "token": running.milvus_token, "collection": collection}
    return cast(LabelledIndex, BACKENDS.load("milvus")(MilvusVecDBConfig.model_validate(server)))


def _check_dimension(config: MemoryConfig, embedder: Embedder) -> None:
    wanted = config.vector_store.dimension
    if wanted not in (None, embedder.dimension):
        raise InvalidConfig(
            f"vector_store field embedding_model_dims is {wanted}, but {embedder.model!r} makes vectors of "
            f"{embedder.dimension}; leave it out, or name another embedder"
        )
