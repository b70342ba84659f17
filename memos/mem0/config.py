"""mem0's configuration: its dictionary, section by section, strictly."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field

from memos.configs.base import BaseConfig
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem0_embedder import embedder_from_mem0
from memos.errors import InvalidConfig
from memos.mem0.llm import llm_from_mem0
from memos.mem0.reranker import SecondLook, reranker_from_mem0
from memos.mem0.vector_store import VectorStore, store_from_mem0


def _read_embedder(section: Any) -> Any:
    if not isinstance(section, Mapping):
        raise InvalidConfig(f"embedder must be a mapping, not {type(section).__name__}")
    return embedder_from_mem0(cast(Mapping[str, Any], section))


def _read_unless_absent(read: Any) -> BeforeValidator:
    return BeforeValidator(lambda section: None if section is None else read(section))


class MemoryConfig(BaseConfig):
    """What ``Memory`` is made of. A section that is absent is this project's own choice: see docs/from_mem0.md."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    vector_store: Annotated[VectorStore, BeforeValidator(store_from_mem0)] = VectorStore()
    llm: Annotated[LLMConfigFactory | None, _read_unless_absent(llm_from_mem0)] = None
    embedder: Annotated[EmbedderConfigFactory | None, _read_unless_absent(_read_embedder)] = None
    reranker: Annotated[SecondLook | None, _read_unless_absent(reranker_from_mem0)] = None
    history_db_path: str | None = Field(default=None, description="A SQLite file; else the database of the settings.")
    custom_instructions: str | None = Field(default=None, min_length=1, description="Told to the model that extracts.")
    version: Literal["v1.1"] = "v1.1"


def config_from_mem0(given: object) -> MemoryConfig:
    """The configuration that a dictionary describes. Raises InvalidConfig."""
    if not isinstance(given, Mapping):
        raise InvalidConfig(f"the configuration must be a dictionary, not {type(given).__name__}")
    config = MemoryConfig.model_validate(dict(cast(Mapping[str, Any], given)))
    if config.custom_instructions is not None and config.llm is None:
        raise InvalidConfig("custom_instructions are for a language model: add an llm section; rules take none")
    return config
