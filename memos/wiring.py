"""From settings to working parts, the same for an application, a worker and the command line."""

from typing import TYPE_CHECKING

from memos.configs.embedder import EmbedderConfigFactory, SentenceTransformerEmbedderConfig
from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.configs.mem_reader import MemReaderConfigFactory, RulesMemReaderConfig, SimpleStructMemReaderConfig
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.errors import InvalidConfig
from memos.graph_dbs.factory import build_graph
from memos.llms.factory import LLMFactory
from memos.mem_reader.base import Reader
from memos.mem_reader.factory import build_reader
from memos.memories.textual.stores import TextStores
from memos.settings import Settings
from memos.vec_dbs.factory import build_index

if TYPE_CHECKING:
    from memos.llms.huggingface import HuggingFaceLLM


def open_stores(settings: Settings) -> TextStores:
    """Connect to graph and index and load the embedder. Raises Unavailable or InvalidConfig, naming which."""
    stores = TextStores(graph=build_graph(settings), index=build_index(settings), embedder=open_embedder(settings))
    try:
        stores.ensure()
    except BaseException:
        stores.close()
        raise
    return stores


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that every process of an installation must share."""
    config = SentenceTransformerEmbedderConfig(model_name_or_path=settings.embedder_model, device=settings.device)
    factory_config = EmbedderConfigFactory(backend="sentence_transformer", config=config)
    return EmbedderFactory.from_config(factory_config, settings=settings)


def open_reader(config: MemReaderConfigFactory | None, settings: Settings) -> Reader:
    """The reader that was asked for, else the one of the settings. Raises InvalidConfig."""
    match config.config if config is not None else None:
        case RulesMemReaderConfig():
            return build_reader("rules", settings)
        case SimpleStructMemReaderConfig() as struct:
            from memos.mem_reader.simple_struct import SimpleStructReader

            return SimpleStructReader(LLMFactory.from_config(struct.llm, settings=settings), max_chars=struct.max_chars)
        case _:
            return build_reader(settings.reader, settings)


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
