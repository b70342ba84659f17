"""From mem0's ``{"provider": ..., "config": {...}}`` to ours, with mem0's names, defaults and variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.ollama_host import HOST_VARIABLE, url_of_host
from memos.errors import InvalidConfig
from memos.settings import read_secret

FindVariable = Callable[[str], str | None]

_DEFAULT_PROVIDER: Final = "openai"
_OPENAI_KEY: Final = "env:OPENAI_API_KEY"
# What mem0's pages for TypeScript call the same things.
_CAMEL_CASE: Final = {
    "apiKey": "api_key",
    "embeddingDims": "embedding_dims",
    "huggingfaceBaseUrl": "huggingface_base_url",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Provider:
    """What a provider understands, and the dimension that mem0 expects of it where none is given."""

    names: frozenset[str]
    default_dims: int | None = None


def _provider(*names: str, dims: int | None = None) -> _Provider:
    return _Provider(names=frozenset(["model", "embedding_dims", "http_client_proxies", *names]), default_dims=dims)


_PROVIDERS: Final[Mapping[str, _Provider]] = {
    "openai": _provider("api_key", "openai_base_url", dims=1536),
    "azure_openai": _provider("azure_kwargs", dims=1536),
    "ollama": _provider("api_key", "ollama_base_url", dims=512),
    "huggingface": _provider("api_key", "huggingface_base_url", "model_kwargs"),
    "gemini": _provider("api_key", "output_dimensionality", dims=768),
    "vertexai": _provider(
        "api_key",
        "vertex_credentials_json",
        "google_service_account_json",
        "google_project_id",
        "memory_add_embedding_type",
        "memory_update_embedding_type",
        "memory_search_embedding_type",
        dims=256,
    ),
    "together": _provider("api_key", "together_base_url", dims=768),
    "lmstudio": _provider("api_key", "lmstudio_base_url", dims=1536),
}


def embedder_from_mem0(
    section: Mapping[str, Any], *, find_variable: FindVariable = read_secret
) -> EmbedderConfigFactory:
    """The same embedder in our configuration; without a provider it is OpenAI, as there.

    Raises InvalidConfig for an unknown provider or field and lists the known ones. A key in a variable is not read
    here but referred to, and OPENAI_API_KEY goes to OpenAI, or to the URL in OPENAI_BASE_URL, never to one that the
    section names.
    """
    _refuse_unknown("embedder", section, {"provider", "config"})
    name = section.get("provider") or _DEFAULT_PROVIDER
    if not isinstance(name, str) or name not in _PROVIDERS:
        raise InvalidConfig(f"embedder field provider: unknown provider {name!r}; known: {', '.join(_PROVIDERS)}")
    provider = _PROVIDERS[name]
    given = _rename(name, section.get("config") or {})
    _refuse_unknown(f"embedder {name} field config", given, provider.names)
    config = {**_find_defaults(name, provider, given, find_variable), **given}
    return EmbedderConfigFactory.model_validate({"backend": name, "config": config})


def _rename(name: str, config: object) -> dict[str, Any]:
    """The section without empty values, which mem0 takes for absent ones, and in one spelling."""
    if not isinstance(config, Mapping):
        raise InvalidConfig(f"embedder {name} field config: expected a mapping, not {type(config).__name__}")
    return {
        _CAMEL_CASE.get(field, field): value
        for field, value in cast(Mapping[str, Any], config).items()
        if value not in (None, "")
    }


def _refuse_unknown(what: str, given: Mapping[str, Any], known: frozenset[str] | set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise InvalidConfig(f"{what}: unknown field {unknown[0]!r}; known fields: {', '.join(sorted(known))}")


def _find_defaults(
    name: str, provider: _Provider, given: Mapping[str, Any], find_variable: FindVariable
) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    if provider.default_dims and not {"embedding_dims", "output_dimensionality"} & given.keys():
        defaults["embedding_dims"] = provider.default_dims
    if name == "huggingface" and "huggingface_base_url" in given:
        defaults["model"] = "tei"
    if name == "openai" and "openai_base_url" not in given:
        defaults |= _find_openai_url(find_variable)
    if name == "ollama" and "ollama_base_url" not in given:
        defaults |= _find_ollama_url(find_variable)
    return defaults


def _find_openai_url(find_variable: FindVariable) -> dict[str, str]:
    url = find_variable("OPENAI_API_BASE") or find_variable("OPENAI_BASE_URL")
    return {"openai_base_url": url, "api_key": _OPENAI_KEY} if url else {}


def _find_ollama_url(find_variable: FindVariable) -> dict[str, str]:
    return {"ollama_base_url": url_of_host(find_variable(HOST_VARIABLE))}
