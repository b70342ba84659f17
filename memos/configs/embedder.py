"""Configuration of embedders, in MemOS's spelling and in mem0's.

    EmbedderConfig ─┬─ SentenceTransformerEmbedderConfig ── in this process
                    └─ RemoteEmbedderConfig ─┬─ UniversalAPI, OpenAI, Together, LMStudio ── OpenAI's protocol
                                             ├─ HuggingFace ── that protocol by URL, else in this process
                                             ├─ AzureOpenAI
                                             ├─ Ollama
                                             └─ Gemini, VertexAI

Where both have a name for one thing, either is accepted. memos/configs/mem0_embedder.py adds mem0's defaults.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, JsonValue, model_validator

from memos.configs.base import BaseConfig
from memos.configs.ollama_host import HOST_VARIABLE, url_of_host
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig
from memos.errors import InvalidConfig
from memos.settings import read_secret

_MODEL: Final = AliasChoices("model_name_or_path", "model")
_URL: Final = r"^https?://"

TaskType = Literal[
    "RETRIEVAL_DOCUMENT",
    "RETRIEVAL_QUERY",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
]
"""What Google's models are told that a vector is for."""


class EmbedderConfig(BaseConfig):
    """What every embedder understands."""

    model_name_or_path: str = Field(
        min_length=1, validation_alias=_MODEL, description="A provider's model name, a local path or an alias."
    )
    cache_size: int = Field(
        default=4096, ge=0, description="Vectors of queries kept in RAM, the least recently used go first; 0 is off."
    )
    embedding_dims: int | None = Field(
        default=None,
        ge=1,
        description="The expected dimension. OpenAI, Azure, Gemini and Vertex AI are asked for it; whoever answers "
        "with another one, that one is used and a warning is logged.",
    )
    query_prompt: str | None = Field(default=None, description="Put before each text that is a question.")
    document_prompt: str | None = Field(default=None, description="Put before each text that is kept.")


def _refuse_code(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if values.get("trust_remote_code"):
        raise ValueError("trust_remote_code is refused: no code from a model's directory is run")
    return values


_Kwargs = Annotated[dict[str, JsonValue], AfterValidator(_refuse_code)]


class ModelKwargs(BaseConfig):
    """Further arguments of ``SentenceTransformer``, those that change a vector."""

    device: Literal["cpu", "cuda"] | None = None
    prompts: dict[str, str] = Field(default_factory=dict, description="By name: query, document, passage, corpus.")
    default_prompt_name: str | None = Field(default=None, description="For a purpose without a prompt of its own.")
    truncate_dim: int | None = Field(default=None, ge=1, description="Keep the first numbers of each vector.")
    model_kwargs: _Kwargs = Field(default_factory=dict, description="Of transformers' model.")
    processor_kwargs: _Kwargs = Field(default_factory=dict, description="Of transformers' tokenizer.")
    config_kwargs: _Kwargs = Field(default_factory=dict, description="Of transformers' configuration.")


class SentenceTransformerEmbedderConfig(EmbedderConfig):
    """A model that runs in this process with sentence-transformers, and its own prompts unless others are given."""

    model_name_or_path: str = Field(default="all-minilm-l6-v2", min_length=1, validation_alias=_MODEL)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto is bfloat16 where the processor computes it in hardware, else float32."
    )
    model_kwargs: ModelKwargs = Field(default_factory=ModelKwargs)


class RemoteEmbedderConfig(EmbedderConfig):
    """A model over HTTP."""

    batch_size: int = Field(default=64, ge=1, le=2048, description="Texts in one request.")
    timeout_s: float = Field(default=30.0, gt=0)
    max_retries: int = Field(default=1, ge=0, le=10, description="Repetitions inside one call; honours Retry-After.")
    http_client_proxies: Secret | dict[str, Secret] | None = Field(
        default=None, description="A proxy's URL, or one for each of 'http://', 'https://' and 'all://'."
    )


class KeyedEmbedderConfig(RemoteEmbedderConfig):
    """A model over HTTP that a key opens."""

    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")


class UniversalAPIEmbedderConfig(KeyedEmbedderConfig):
    """A server that speaks OpenAI's embeddings protocol. Without ``base_url`` it is OpenAI with OPENAI_API_KEY."""

    provider: Literal["openai", "azure"] = Field(
        default="openai", description="azure: base_url is the resource's endpoint, the model a deployment."
    )
    base_url: str | None = Field(default=None, pattern=_URL, description="The URL up to and with /v1.")
    api_version: str = Field(default="2024-10-21", description="Of Azure's API; for provider azure alone.")


class OpenAIEmbedderConfig(KeyedEmbedderConfig):
    """OpenAI, with OPENAI_API_KEY unless ``api_key`` or another URL is given."""

    model_name_or_path: str = Field(default="text-embedding-3-small", min_length=1, validation_alias=_MODEL)
    base_url: str | None = Field(
        default=None, pattern=_URL, validation_alias=AliasChoices("base_url", "openai_base_url", "api_base")
    )
    batch_size: int = Field(default=2048, ge=1, le=2048, description="Texts in one request.")


class TogetherEmbedderConfig(KeyedEmbedderConfig):
    """Together, with TOGETHER_API_KEY unless ``api_key`` or another URL is given."""

    model_name_or_path: str = Field(
        default="togethercomputer/m2-bert-80M-8k-retrieval", min_length=1, validation_alias=_MODEL
    )
    base_url: str | None = Field(
        default=None, pattern=_URL, validation_alias=AliasChoices("base_url", "together_base_url")
    )


class LMStudioEmbedderConfig(KeyedEmbedderConfig):
    """LM Studio's server."""

    model_name_or_path: str = Field(
        default="nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.f16.gguf", min_length=1, validation_alias=_MODEL
    )
    base_url: str = Field(
        default="http://localhost:1234/v1",
        pattern=_URL,
        validation_alias=AliasChoices("base_url", "lmstudio_base_url"),
    )


class HuggingFaceEmbedderConfig(KeyedEmbedderConfig, SentenceTransformerEmbedderConfig):
    """text-embeddings-inference by URL; without one, sentence-transformers in this process."""

    model_name_or_path: str = Field(default="multi-qa-MiniLM-L6-cos-v1", min_length=1, validation_alias=_MODEL)
    huggingface_base_url: str | None = Field(
        default=None, pattern=_URL, validation_alias=AliasChoices("huggingface_base_url", "base_url")
    )
    batch_size: int = Field(default=32, ge=1, le=2048, description="TEI's --max-client-batch-size.")

    @model_validator(mode="after")
    def _check_place(self) -> "HuggingFaceEmbedderConfig":
        wrong = ("model_kwargs", "device", "dtype") if self.huggingface_base_url else ("api_key", "http_client_proxies")
        fields = type(self).model_fields
        given = [name for name in wrong if getattr(self, name) != fields[name].get_default(call_default_factory=True)]
        if given:
            place = "a model in this process" if self.huggingface_base_url else "a server (huggingface_base_url)"
            # Not a ValueError, which pydantic would report with the whole input, keys included.
            raise InvalidConfig(f"huggingface embedder field {given[0]}: it is for {place}; drop it")
        return self


class AzureKwargs(BaseConfig):
    """Where a deployment of Azure OpenAI is. What is missing or empty comes from EMBEDDING_AZURE_*."""

    api_key: Secret | None = Field(default=None, description="Else EMBEDDING_AZURE_OPENAI_API_KEY.")
    azure_deployment: str | None = Field(default=None, description="Else EMBEDDING_AZURE_DEPLOYMENT, else the model.")
    azure_endpoint: str | None = Field(
        default=None, pattern=r"^(https?://.*)?$", description="Else EMBEDDING_AZURE_ENDPOINT."
    )
    api_version: str | None = Field(default=None, description="Else EMBEDDING_AZURE_API_VERSION, else 2024-10-21.")
    default_headers: dict[str, Secret] = Field(default_factory=dict, description="Sent with every request.")


class AzureOpenAIEmbedderConfig(RemoteEmbedderConfig):
    """A deployment of Azure OpenAI."""

    model_name_or_path: str = Field(default="text-embedding-3-small", min_length=1, validation_alias=_MODEL)
    azure_kwargs: AzureKwargs = Field(default_factory=AzureKwargs)
    batch_size: int = Field(default=2048, ge=1, le=2048, description="Texts in one request.")


class OllamaEmbedderConfig(KeyedEmbedderConfig):
    """An Ollama server, by default that of OLLAMA_HOST; ``api_key`` is for one behind a door, no variable is sent."""

    model_name_or_path: str = Field(default="nomic-embed-text", min_length=1, validation_alias=_MODEL)
    api_base: str | None = Field(
        default=None, pattern=_URL, validation_alias=AliasChoices("api_base", "base_url", "ollama_base_url")
    )
    keep_alive: str | float | None = Field(default=None, description="How long the server keeps the model loaded: 5m.")
    truncate: bool = Field(default=True, description="Cut texts beyond the model's length instead of refusing them.")

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.api_base or url_of_host(read_secret(HOST_VARIABLE))


class GoogleEmbedderConfig(RemoteEmbedderConfig):
    """What Gemini and Vertex AI have in common: a vector is made for a task."""

    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")
    base_url: str | None = Field(default=None, pattern=_URL, description="Of a proxy; Google's own by default.")
    embedding_dims: int | None = Field(
        default=None, ge=1, validation_alias=AliasChoices("embedding_dims", "output_dimensionality")
    )
    memory_add_embedding_type: TaskType = "RETRIEVAL_DOCUMENT"
    memory_update_embedding_type: TaskType = "RETRIEVAL_DOCUMENT"
    memory_search_embedding_type: TaskType = "RETRIEVAL_QUERY"


class GeminiEmbedderConfig(GoogleEmbedderConfig):
    """The Gemini API, with GOOGLE_API_KEY unless ``api_key`` or another URL is given."""

    model_name_or_path: str = Field(default="models/text-embedding-004", min_length=1, validation_alias=_MODEL)
    batch_size: int = Field(default=100, ge=1, le=100, description="Texts in one request.")


def _dump_object(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


class VertexAIEmbedderConfig(GoogleEmbedderConfig):
    """Vertex AI, with a service account or whatever GOOGLE_APPLICATION_CREDENTIALS names; a key is express mode."""

    model_name_or_path: str = Field(default="text-embedding-004", min_length=1, validation_alias=_MODEL)
    batch_size: int = Field(
        default=250, ge=1, le=250, description="Texts in one request; gemini-embedding-001 takes one in any case."
    )
    vertex_credentials_json: str | None = Field(default=None, description="The path of a credentials file.")
    google_service_account_json: Annotated[Secret | None, BeforeValidator(_dump_object)] = Field(
        default=None, description="The contents of such a file, as an object or as JSON."
    )
    google_project_id: str | None = Field(
        default=None,
        validation_alias=AliasChoices("google_project_id", "google_project"),
        description="Else the file's.",
    )
    google_location: str = "us-central1"

    @model_validator(mode="before")
    @classmethod
    def _check_credentials(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        names = ("vertex_credentials_json", "google_service_account_json", "api_key")
        given = [name for name in names if cast(Mapping[str, Any], values).get(name)]
        if len(given) > 1:
            raise InvalidConfig(f"vertexai embedder: give one of {', '.join(names)}, not {' and '.join(given)}")
        return cast(Any, values)


class EmbedderConfigFactory(BackendConfig):
    """``{"backend": "sentence_transformer" | "universal_api" | "ollama" | ..., "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "azure_openai": AzureOpenAIEmbedderConfig,
        "gemini": GeminiEmbedderConfig,
        "huggingface": HuggingFaceEmbedderConfig,
        "lmstudio": LMStudioEmbedderConfig,
        "ollama": OllamaEmbedderConfig,
        "openai": OpenAIEmbedderConfig,
        "sentence_transformer": SentenceTransformerEmbedderConfig,
        "together": TogetherEmbedderConfig,
        "universal_api": UniversalAPIEmbedderConfig,
        "vertexai": VertexAIEmbedderConfig,
    }
