"""The providers that a key or a host in the environment stands for, each asked without the name of a model.

The variables are those that our language models and embedders read themselves; LM Studio and vLLM have none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from memos.configs.embedder import AzureOpenAIEmbedderConfig, EmbedderConfigFactory, VertexAIEmbedderConfig
from memos.configs.llm import AzureLLMConfig, DeepSeekLLMConfig, OpenAILLMConfig, QwenLLMConfig
from memos.configs.ollama_host import HOST_VARIABLE, url_of_host
from memos.local.providers.embedder import find_embedder
from memos.local.providers.finding import Finding
from memos.local.providers.llm import find_azure, find_server
from memos.local.providers.ollama import find_ollama
from memos.settings import read_secret

# A list of models does not depend on which of them is meant.
_ANY: Final[dict[str, Any]] = {"model_name_or_path": "any"}
_TOGETHER_URL: Final = "https://api.together.xyz/v1"
# Google's door for OpenAI's protocol takes the same key as its own.
_GEMINI_URL: Final = "https://generativelanguage.googleapis.com/v1beta/openai"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A provider, and the variables any of which configures it. ``ask`` raises MemosError."""

    name: str
    variables: tuple[str, ...]
    ask: Callable[[], Finding]

    @property
    def set_variables(self) -> list[str]:
        """Those that are set; none means that it is not configured."""
        return [name for name in self.variables if read_secret(name)]

    @property
    def key_variables(self) -> list[str]:
        """Those that hold a secret."""
        return [name for name in self.variables if name.endswith("_KEY")]


def _ask_azure_embedder() -> Finding:
    return find_embedder(EmbedderConfigFactory(backend="azure_openai", config=AzureOpenAIEmbedderConfig()))


def _ask_vertex() -> Finding:
    return find_embedder(EmbedderConfigFactory(backend="vertexai", config=VertexAIEmbedderConfig()))


def _ask_stranger(url: str, key_variable: str) -> Finding:
    return find_server(OpenAILLMConfig(**_ANY, api_base=url, api_key=SecretStr(f"env:{key_variable}")))


KNOWN: Final = (
    Known(name="openai", variables=("OPENAI_API_KEY",), ask=lambda: find_server(OpenAILLMConfig(**_ANY))),
    Known(
        name="azure",
        variables=("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"),
        ask=lambda: find_azure(AzureLLMConfig(**_ANY)),
    ),
    Known(
        name="azure embeddings",
        variables=("EMBEDDING_AZURE_ENDPOINT", "EMBEDDING_AZURE_OPENAI_API_KEY"),
        ask=_ask_azure_embedder,
    ),
    Known(name="deepseek", variables=("DEEPSEEK_API_KEY",), ask=lambda: find_server(DeepSeekLLMConfig(**_ANY))),
    Known(name="qwen", variables=("DASHSCOPE_API_KEY",), ask=lambda: find_server(QwenLLMConfig(**_ANY))),
    Known(
        name="together",
        variables=("TOGETHER_API_KEY",),
        ask=lambda: _ask_stranger(_TOGETHER_URL, "TOGETHER_API_KEY"),
    ),
    Known(name="gemini", variables=("GOOGLE_API_KEY",), ask=lambda: _ask_stranger(_GEMINI_URL, "GOOGLE_API_KEY")),
    Known(name="vertexai", variables=("GOOGLE_APPLICATION_CREDENTIALS",), ask=_ask_vertex),
    Known(
        name="ollama",
        variables=(HOST_VARIABLE,),
        ask=lambda: find_ollama(url_of_host(read_secret(HOST_VARIABLE))),
    ),
    Known(
        name="ollama.com",
        variables=("OLLAMA_API_KEY",),
        ask=lambda: find_ollama("https://ollama.com", SecretStr("env:OLLAMA_API_KEY")),
    ),
)
