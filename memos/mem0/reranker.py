"""From mem0's ``reranker`` section to ours, with mem0's names and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from memos.configs.reranker import RerankerConfigFactory
from memos.errors import InvalidConfig
from memos.mem0.section import parse_config, parse_section, refuse_unknown

COHERE_URL: Final = "https://api.cohere.com/v2/rerank"
_ADVICE: Final = '\'memos\' takes any reranker of docs/rerankers.md as {"backend": ..., "config": {...}}'
_LOCAL: Final = ("model", "device", "batch_size", "top_k")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "cohere": ("model", "api_key", "top_k"),
    "huggingface": (*_LOCAL, "max_length"),
    "sentence_transformer": _LOCAL,
    "memos": ("backend", "config", "top_k"),
}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "cohere": {"model": "rerank-v3.5", "api_key": "env:COHERE_API_KEY"},
    "huggingface": {"model": "BAAI/bge-reranker-base", "max_length": 512},
    "sentence_transformer": {"model": "cross-encoder/ms-marco-MiniLM-L-6-v2"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondLook:
    """A reranker, and how many results it leaves: all of them without ``top_k``."""

    config: RerankerConfigFactory
    top_k: int | None = None


def reranker_from_mem0(section: object) -> SecondLook:
    """The same reranker in our configuration; without a provider it is Cohere's, as there.

    Raises InvalidConfig for an unknown provider or field and lists the known ones.
    """
    name, config = parse_section("reranker", section, default="cohere", known=_FIELDS, advice=_ADVICE)
    given = parse_config(f"reranker {name}", config)
    refuse_unknown(f"reranker {name} field config", given, _FIELDS[name])
    top_k = _parse_top_k(given.pop("top_k", None))
    if name == "memos":
        return SecondLook(config=RerankerConfigFactory.model_validate(given), top_k=top_k)
    ours = {**_DEFAULTS[name], **given}
    if name == "cohere":
        ours |= {"url": COHERE_URL, "api": "cohere"}
    backend = "http_bge" if name == "cohere" else "cross_encoder"
    return SecondLook(config=RerankerConfigFactory.model_validate({"backend": backend, "config": ours}), top_k=top_k)


def _parse_top_k(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise InvalidConfig(f"reranker field top_k must be a whole number above 0, not {value!r:.40}")
    return value
