"""Configuration of language models.

LLMConfig ─┬─ HuggingFaceLLMConfig ── in this process (huggingface, huggingface_singleton)
           └─ RemoteLLMConfig ─┬─ OpenAILLMConfig ── OpenAI's protocol
                               │    └─ Qwen, DeepSeek, VLLM ── the same at another home
                               ├─ AzureLLMConfig
                               └─ OllamaLLMConfig
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, JsonValue, SecretStr, field_validator

from memos.configs.base import BaseConfig
from memos.configs.ollama_host import DEFAULT_URL, HOST_VARIABLE, url_of_host
from memos.configs.secret import REFERENCE_PREFIX, Secret
from memos.configs.union import BackendConfig
from memos.errors import InvalidConfig
from memos.settings import read_secret

_URL: Final = r"^https?://"
# What this project says itself in every request, and relies on when it reads the answer.
_REFUSED_EXTRAS: Final = ("model", "messages", "stream", "n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """Where a provider lives. The key in its variable goes to these hosts and those below them, over TLS alone."""

    url: str
    hosts: tuple[str, ...] = ()
    key_variable: str = ""

    def owns(self, url: str) -> bool:
        """True when a request to ``url`` goes to this provider."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "https" and any(host == own or host.endswith(f".{own}") for own in self.hosts)

    def find_key(self, url: str) -> SecretStr | None:
        """The reference to the provider's own key, or None for a host that is not the provider's."""
        return SecretStr(f"{REFERENCE_PREFIX}{self.key_variable}") if self.owns(url) else None


class LLMConfig(BaseConfig):
    """What every language model understands."""

    model_name_or_path: str = Field(min_length=1, description="A provider's model name, a local path or an alias.")
    temperature: float = Field(default=0.8, ge=0, le=2, description="0 makes the answer greedy.")
    max_tokens: int = Field(default=1024, ge=1, description="The longest answer, in tokens.")
    top_p: float = Field(default=0.9, gt=0, le=1)
    top_k: int = Field(default=50, ge=1)
    remove_think_prefix: bool = Field(default=True, description="Drop a leading <think>...</think> from answers.")


class RemoteLLMConfig(LLMConfig):
    """What every model over HTTP understands."""

    home: ClassVar[Home]

    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")
    headers: dict[str, Secret] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("headers", "default_headers"),
        description="Sent with every request; a value may be env:NAME.",
    )
    timeout_s: float = Field(default=60.0, gt=0, description="The longest silence of the server while it answers.")
    max_retries: int = Field(default=1, ge=0, le=10, description="Repetitions inside one call; honours Retry-After.")

    @property
    @abstractmethod
    def url(self) -> str:
        """Where requests go: the configured address, else the environment's, else the provider's own."""

    @field_validator("headers", mode="before")
    @classmethod
    def _read_no_headers(cls, value: Any) -> Any:
        return {} if value is None else value


class OpenAIProtocolConfig(RemoteLLMConfig):
    """What every server of OpenAI's chat protocol understands."""

    extra_body: dict[str, JsonValue] = Field(
        default_factory=dict, description="Merged into each request, over what this project would say."
    )

    @property
    def extras(self) -> dict[str, Any]:
        """What goes into each request besides what the protocol names."""
        return dict(self.extra_body)

    @field_validator("extra_body", mode="before")
    @classmethod
    def _check_extra_body(cls, value: Any) -> Any:
        refused = [name for name in _REFUSED_EXTRAS if isinstance(value, Mapping) and name in value]
        if refused:
            raise ValueError(f"{refused[0]} cannot be given here: each call decides it")
        return {} if value is None else value


class OpenAILLMConfig(OpenAIProtocolConfig):
    """A server that speaks OpenAI's chat protocol: OpenAI itself, vLLM, llama.cpp and most providers.

    Without ``api_base`` it is OpenAI, with the key of OPENAI_API_KEY. A server that refuses ``top_k``,
    ``temperature``, ``top_p`` or a JSON schema is asked without it, and a warning is logged once; ``top_k`` is
    never sent to OpenAI's own servers, which do not know it.
    """

    home: ClassVar[Home] = Home(
        url="https://api.openai.com/v1", hosts=("api.openai.com",), key_variable="OPENAI_API_KEY"
    )

    api_base: str | None = Field(
        default=None, pattern=_URL, description="The URL up to and with /v1; else the provider's own."
    )

    @property
    def url(self) -> str:
        return self.api_base or self.home.url


class QwenLLMConfig(OpenAILLMConfig):
    """Qwen at Alibaba's DashScope, with the key of DASHSCOPE_API_KEY."""

    home: ClassVar[Home] = Home(
        url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        hosts=("dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com", "dashscope.aliyuncs.com"),
        key_variable="DASHSCOPE_API_KEY",
    )

    api_base: str | None = Field(default=home.url, pattern=_URL, description="The URL up to and with /v1.")

    enable_thinking: bool | None = Field(default=None, description="Whether the model thinks first; else it decides.")

    @property
    def extras(self) -> dict[str, Any]:
        own = {} if self.enable_thinking is None else {"enable_thinking": self.enable_thinking}
        return {**own, **self.extra_body}


class DeepSeekLLMConfig(OpenAILLMConfig):
    """DeepSeek, with the key of DEEPSEEK_API_KEY."""

    home: ClassVar[Home] = Home(
        url="https://api.deepseek.com", hosts=("api.deepseek.com",), key_variable="DEEPSEEK_API_KEY"
    )

    api_base: str | None = Field(default=home.url, pattern=_URL, description="The URL of the API.")


class VLLMLLMConfig(OpenAILLMConfig):
    """A vLLM server. Without ``api_key`` it gets none, wherever it is."""

    home: ClassVar[Home] = Home(url="http://localhost:8088/v1")

    api_base: str | None = Field(default=home.url, pattern=_URL, description="The URL up to and with /v1.")

    enable_thinking: bool | None = Field(default=None, description="Told to the model's chat template.")

    @property
    def extras(self) -> dict[str, Any]:
        if self.enable_thinking is None:
            return dict(self.extra_body)
        given = self.extra_body.get("chat_template_kwargs")
        told = given if isinstance(given, dict) else {}
        return {**self.extra_body, "chat_template_kwargs": {"enable_thinking": self.enable_thinking, **told}}


class AzureLLMConfig(OpenAIProtocolConfig):
    """A deployment of Azure OpenAI; ``model_name_or_path`` is its name. The key is that of AZURE_OPENAI_API_KEY."""

    home: ClassVar[Home] = Home(
        url="",
        hosts=("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"),
        key_variable="AZURE_OPENAI_API_KEY",
    )

    api_base: str | None = Field(
        default=None,
        pattern=_URL,
        validation_alias=AliasChoices("api_base", "base_url", "azure_endpoint"),
        description="The resource's endpoint, without /openai; else AZURE_OPENAI_ENDPOINT.",
    )
    api_version: str = Field(default="2024-10-21", min_length=1, description="Of Azure's API.")

    @property
    def url(self) -> str:
        """Raises InvalidConfig when neither the configuration nor the environment has it."""
        found = self.api_base or read_secret("AZURE_OPENAI_ENDPOINT")
        if not found:
            raise InvalidConfig("azure needs the resource's endpoint: give api_base or set AZURE_OPENAI_ENDPOINT")
        return found


class OllamaLLMConfig(RemoteLLMConfig):
    """A model that an Ollama server has pulled."""

    home: ClassVar[Home] = Home(url=DEFAULT_URL, hosts=("ollama.com",), key_variable="OLLAMA_API_KEY")

    api_base: str | None = Field(
        default=None, pattern=_URL, description="The server's URL; else OLLAMA_HOST, else http://localhost:11434."
    )
    timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="The longest silence: a model is loaded in it, and a whole answer made.",
    )
    enable_thinking: bool | None = Field(default=None, description="Whether the model thinks first; else it decides.")
    num_ctx: int | None = Field(
        default=None, ge=1, description="The longest prompt with its answer; the server cuts what is beyond its own."
    )

    @property
    def url(self) -> str:
        return self.api_base or url_of_host(read_secret(HOST_VARIABLE))


class HuggingFaceLLMConfig(LLMConfig):
    """A model that runs in this process with transformers."""

    do_sample: bool = Field(default=True, description="False makes answers greedy, whatever temperature says.")
    add_generation_prompt: bool = Field(
        default=True, description="End the prompt with the opening of the assistant's turn."
    )
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class LLMConfigFactory(BackendConfig):
    """``{"backend": "openai" | "ollama" | "huggingface" | ..., "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "azure": AzureLLMConfig,
        "deepseek": DeepSeekLLMConfig,
        "huggingface": HuggingFaceLLMConfig,
        "huggingface_singleton": HuggingFaceLLMConfig,
        "ollama": OllamaLLMConfig,
        "openai": OpenAILLMConfig,
        "qwen": QwenLLMConfig,
        "vllm": VLLMLLMConfig,
    }
