"""From settings to working parts, the same for an application, a worker and the command line."""

import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from memos.clock import Clock
from memos.configs.embedder import EmbedderConfig, EmbedderConfigFactory, SentenceTransformerEmbedderConfig
from memos.configs.embedder_file import load_embedder_config
from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.configs.mem_reader import (
    DocumentMemReaderConfig,
    MemReaderConfigFactory,
    RulesMemReaderConfig,
    SimpleStructMemReaderConfig,
)
from memos.configs.memory import TreeTextMemoryConfig
from memos.configs.reranker import NoopRerankerConfig, RerankerConfigFactory
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.errors import InvalidConfig
from memos.graph_dbs.factory import GraphStoreFactory, build_graph
from memos.llms.base import LLM
from memos.local.ondemand import ensure_servers
from memos.local.servers import Server
from memos.mem_reader.base import Reader
from memos.mem_reader.factory import build_reader
from memos.memories.textual.stores import TextStores
from memos.organize.reorganise import Budget, Reorganiser
from memos.rerankers.base import Reranker
from memos.rerankers.factory import RerankerFactory
from memos.settings import Settings
from memos.vec_dbs.factory import VecDBFactory, build_index

if TYPE_CHECKING:
    from memos.llms.huggingface import HuggingFaceLLM


def open_stores(settings: Settings) -> TextStores:
    """Connect to graph and index and load the embedder. Raises Unavailable or InvalidConfig, naming which."""
    return _ensured(_stores_of(settings))


def open_emptied_stores(settings: Settings) -> TextStores:
    """The same with a new, empty index; the old one may have been made for another embedder or version.

    It is removed once graph and embedder have answered. Raises InvalidConfig when what is there is no index of ours.
    """
    stores = _stores_of(settings)
    with ExitStack() as undo:
        undo.callback(stores.close)
        stores.graph.ensure_schema()
        stores.embedder.embed(["a probe"])
        stores.index.drop()
        undo.pop_all()
    return _ensured(stores)


def open_tree_stores(config: TreeTextMemoryConfig, settings: Settings) -> TextStores:
    """The stores that a tree names, and those of the settings for what it leaves open; started where nothing runs.

    An embedder of its own has a collection of its own, since vectors of two models cannot be compared.
    """
    named: dict[Server, object] = {"graph": config.graph_db, "index": config.vector_db}
    running = ensure_servers(settings, need=frozenset(server for server, given in named.items() if given is None))
    if config.embedder is not None:
        running = running.model_copy(update={"milvus_collection": collection_for(config.embedder, running)})
    stores = TextStores(
        graph=build_graph(running) if config.graph_db is None else GraphStoreFactory.from_config(config.graph_db),
        index=build_index(running) if config.vector_db is None else VecDBFactory.from_config(config.vector_db),
        embedder=open_memory_embedder(config.embedder, settings),
    )
    return _ensured(stores)


def open_memory_embedder(config: EmbedderConfigFactory | None, settings: Settings) -> Embedder:
    """The embedder that a memory names, else the one of the settings."""
    return open_embedder(settings) if config is None else EmbedderFactory.from_config(config, settings=settings)


def collection_for(config: EmbedderConfigFactory, settings: Settings) -> str:
    """The collection of an embedder that is not the one of the settings."""
    named = f"{config.backend}\x1f{cast(EmbedderConfig, config.config).model_name_or_path}"
    return f"{settings.milvus_collection}_{hashlib.blake2b(named.encode(), digest_size=6).hexdigest()}"


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that every process of an installation must share. Raises InvalidConfig."""
    if settings.embedder_config is not None:
        return EmbedderFactory.from_config(load_embedder_config(settings.embedder_config), settings=settings)
    config = SentenceTransformerEmbedderConfig(model_name_or_path=settings.embedder_model, device=settings.device)
    factory_config = EmbedderConfigFactory(backend="sentence_transformer", config=config)
    return EmbedderFactory.from_config(factory_config, settings=settings)


def open_reranker(config: RerankerConfigFactory | None, settings: Settings) -> Reranker | None:
    """The reranker that was asked for; None where nobody is to change an order. Raises InvalidConfig."""
    if config is None or isinstance(config.config, NoopRerankerConfig):
        return None
    return RerankerFactory.from_config(config, settings=settings)


def open_reader(config: MemReaderConfigFactory | None, settings: Settings) -> Reader:
    """The reader that was asked for, else the one of the settings. Raises InvalidConfig."""
    match config.config if config is not None else None:
        case DocumentMemReaderConfig():
            return build_reader("document", settings)
        case RulesMemReaderConfig():
            return build_reader("rules", settings)
        case SimpleStructMemReaderConfig() as struct:
            from memos.mem_reader.simple_struct import SimpleStructMemReader

            return SimpleStructMemReader(struct, settings=settings)
        case _:
            return build_reader(settings.reader, settings)


def build_reorganiser(stores: TextStores, clock: Clock, settings: Settings, llm: LLM | None) -> Reorganiser:
    """What puts cubes in order, within the budget of the settings; with ``llm``, a reader's, in that model's words."""
    budget = Budget(tokens=settings.organize_tokens, seconds=settings.organize_seconds)
    return Reorganiser(stores, clock, budget=budget, llm=llm)


def chat_model_config(settings: Settings) -> LLMConfigFactory:
    """The chat model that answers where no other is configured; greedy, so that answers can be compared."""
    config = HuggingFaceLLMConfig(
        model_name_or_path=settings.chat_model,
        dtype=settings.chat_dtype,
        device=settings.device,
        temperature=0.0,
        max_tokens=256,
    )
    return LLMConfigFactory(backend="huggingface", config=config)


def open_model(config: HuggingFaceLLMConfig, settings: Settings) -> "HuggingFaceLLM":
    """A model of this process, whose KV states can be kept. Its packages are imported here."""
    from memos.llms.huggingface import HuggingFaceLLM

    return HuggingFaceLLM(config, settings=settings)


def require_local_model(config: LLMConfigFactory) -> HuggingFaceLLMConfig:
    """The configuration of a model that runs in this process. Raises InvalidConfig for one that runs elsewhere."""
    if not isinstance(config.config, HuggingFaceLLMConfig):
        raise InvalidConfig(
            f"enable_activation_memory needs a chat_model of backend 'huggingface', not {config.backend!r}"
        )
    return config.config


def _stores_of(settings: Settings) -> TextStores:
    return TextStores(graph=build_graph(settings), index=build_index(settings), embedder=open_embedder(settings))


def _ensured(stores: TextStores) -> TextStores:
    with ExitStack() as undo:
        undo.callback(stores.close)
        stores.ensure()
        undo.pop_all()
    return stores
