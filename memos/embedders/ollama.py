"""Embeddings by an Ollama server, through its official SDK."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Final

import httpx
from pydantic import SecretStr

from memos.configs.embedder import OllamaEmbedderConfig
from memos.configs.secret import reveal
from memos.embedders.base import Purpose
from memos.embedders.proxies import choose_proxy
from memos.embedders.remote import RemoteEmbedder
from memos.errors import InvalidConfig
from memos.llms.failures import call_again
from memos.llms.ollama_client import client_errors, explain
from memos.llms.openai_client import Endpoint

if TYPE_CHECKING:
    import ollama

_CONNECT_TIMEOUT_S: Final = 2.0
_REQUEST_CHARS: Final = 300_000


def open_ollama(config: OllamaEmbedderConfig) -> RemoteEmbedder:
    """A model that an Ollama server has pulled."""
    return RemoteEmbedder(config, OllamaWire(config), shortens=False)


class OllamaWire:
    """The embed call of the SDK, repeated as configured. Nothing of OLLAMA_API_KEY is used."""

    def __init__(self, config: OllamaEmbedderConfig) -> None:
        self._config = config
        self._client = _build_client(config)
        self.endpoint = Endpoint(
            dependency="embedder",
            url=config.url,
            timeout_s=config.timeout_s,
            missing=f"ollama pull {config.model_name_or_path}",
        )
        self.request_texts = config.batch_size
        self.request_chars = _REQUEST_CHARS

    def request(self, texts: Sequence[str], *, purpose: Purpose, dimensions: int | None) -> Sequence[Sequence[float]]:
        del purpose, dimensions  # prompts are put before the texts; vectors are not shortened
        return call_again(
            lambda: self._embed(texts),
            lambda error: explain(error, self.endpoint),
            errors=client_errors(),
            max_retries=self._config.max_retries,
        )

    def close(self) -> None:
        self._client.close()

    def _embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        config = self._config
        answer = self._client.embed(
            model=config.model_name_or_path,
            input=list(texts),
            truncate=config.truncate,
            keep_alive=config.keep_alive,
        )
        return answer.embeddings


class _OwnKey(httpx.Auth):
    """Sends the configured key or none. The SDK alone would send OLLAMA_API_KEY to any server."""

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.pop("Authorization", None)
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {reveal(self._key)}"
        yield request


def _build_client(config: OllamaEmbedderConfig) -> "ollama.Client":
    try:
        import ollama
    except ModuleNotFoundError as error:
        raise InvalidConfig(f"embedder 'ollama' needs {error.name!r}: pip install 'ollama>=0.6,<0.7'") from error
    return ollama.Client(
        host=config.url,
        auth=_OwnKey(config.api_key),
        timeout=httpx.Timeout(config.timeout_s, connect=min(_CONNECT_TIMEOUT_S, config.timeout_s)),
        proxy=choose_proxy(config.http_client_proxies, config.url),
        follow_redirects=False,
    )
