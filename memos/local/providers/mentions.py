"""Which language models and embedders a checked configuration names, and the settings; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import cast

from memos.configs.base import BaseConfig
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.embedder_file import load_embedder_config
from memos.configs.llm import LLMConfigFactory
from memos.errors import InvalidConfig
from memos.settings import Settings

Provider = LLMConfigFactory | EmbedderConfigFactory


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A provider and its place in the configuration, as in ``mem_reader.config.llm``; of the whole it is empty."""

    place: str
    provider: Provider


def find_mentions(config: BaseConfig, place: str = "") -> Iterator[Mention]:
    """Every language model and embedder of a configuration, in the order of its fields."""
    if isinstance(config, LLMConfigFactory | EmbedderConfigFactory):
        yield Mention(place=place, provider=config)
        return
    for name in type(config).model_fields:
        yield from _in_value(getattr(config, name), f"{place}.{name}" if place else name)


def find_reader(settings: Settings) -> Iterator[Mention]:
    """The language model of the settings' reader, if it has one. Raises InvalidConfig when a part is missing."""
    if settings.reader != "simple_struct":
        return
    if not settings.llm_base_url or not settings.llm_model:
        raise InvalidConfig("the reader simple_struct needs MEMOS_LLM_BASE_URL and MEMOS_LLM_MODEL")
    key = settings.llm_api_key if settings.llm_api_key.get_secret_value() else None
    config = {"model_name_or_path": settings.llm_model, "api_base": settings.llm_base_url, "api_key": key}
    provider = LLMConfigFactory.model_validate({"backend": "openai", "config": config})
    yield Mention(place="MEMOS_READER", provider=provider)


def find_embedder(settings: Settings) -> Iterator[Mention]:
    """The embedder that the settings name by a file. Raises InvalidConfig."""
    if settings.embedder_config is not None:
        provider = load_embedder_config(settings.embedder_config)
        yield Mention(place="MEMOS_EMBEDDER_CONFIG", provider=provider)


def _in_value(value: object, place: str) -> Iterator[Mention]:
    if isinstance(value, BaseConfig):
        yield from find_mentions(value, place)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _in_value(getattr(value, field.name), f"{place}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in cast(Mapping[str, object], value).items():
            yield from _in_value(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(cast(Iterable[object], value)):
            yield from _in_value(item, f"{place}[{number}]")
