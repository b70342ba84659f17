"""Embeddings by the Gemini API and by Vertex AI, through Google's SDK."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import httpx
from pydantic import SecretStr

from memos.configs.embedder import GeminiEmbedderConfig, GoogleEmbedderConfig, VertexAIEmbedderConfig
from memos.configs.llm import Home
from memos.configs.secret import reveal
from memos.embedders.base import Purpose
from memos.embedders.proxies import choose_proxy
from memos.embedders.remote import DimensionsRefused, RemoteEmbedder
from memos.errors import InvalidConfig, Unavailable
from memos.llms.failures import (
    Failure,
    call_again,
    explain_connection,
    explain_limit,
    explain_status,
    explain_timeout,
)
from memos.llms.openai_client import Endpoint, protocol_error

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.errors import APIError

    from memos.embedders.google_credentials import GoogleCredentials

_GEMINI: Final = Home(
    url="https://generativelanguage.googleapis.com",
    hosts=("generativelanguage.googleapis.com",),
    key_variable="GOOGLE_API_KEY",
)
# A server that takes Google's place gets this: the SDK insists on a key, and Google's must not go to a stranger.
_NO_KEY: Final = SecretStr("none")
_CONNECT_TIMEOUT_S: Final = 5.0
# Gemini reads 2,048 tokens of a text, Vertex AI takes 20,000 in a request; a character is seldom more than one token.
_GEMINI_CHARS: Final = 200_000
_VERTEX_CHARS: Final = 20_000
# Vertex AI takes one text a request for these families.
_ALONE: Final = ("gemini", "maas")


def open_gemini(config: GeminiEmbedderConfig) -> RemoteEmbedder:
    """A model of the Gemini API. Raises InvalidConfig without a key."""
    url = config.base_url or _GEMINI.url
    key = config.api_key or _GEMINI.find_key(url) or _NO_KEY
    client = _build_client(config, url, vertexai=False, api_key=reveal(key))
    wire = GoogleWire(
        client,
        Endpoint(dependency="embedder", url=url, timeout_s=config.timeout_s),
        config=config,
        request_texts=config.batch_size,
        request_chars=_GEMINI_CHARS,
    )
    return RemoteEmbedder(config, wire, shortens=True)


def open_vertexai(config: VertexAIEmbedderConfig) -> RemoteEmbedder:
    """A model of Vertex AI. Raises InvalidConfig without credentials or a project."""
    alone = any(family in config.model_name_or_path for family in _ALONE)
    url = config.base_url or f"https://{config.google_location}-aiplatform.googleapis.com"
    credentials = None if config.api_key else _open_credentials(config)
    wire = GoogleWire(
        _build_vertex_client(config, credentials),
        Endpoint(dependency="embedder", url=url, timeout_s=config.timeout_s),
        config=config,
        request_texts=1 if alone else config.batch_size,
        request_chars=_VERTEX_CHARS,
        credentials=credentials,
    )
    return RemoteEmbedder(config, wire, shortens=True)


class GoogleWire:
    """The embed call of the SDK, repeated as configured, with the task type of each purpose."""

    def __init__(
        self,
        client: "Client",
        endpoint: Endpoint,
        *,
        config: GoogleEmbedderConfig,
        request_texts: int,
        request_chars: int,
        credentials: "GoogleCredentials | None" = None,
    ) -> None:
        self._client = client
        self._config = config
        self._credentials = credentials
        self.endpoint = endpoint
        self.request_texts = request_texts
        self.request_chars = request_chars

    def request(self, texts: Sequence[str], *, purpose: Purpose, dimensions: int | None) -> Sequence[Sequence[float]]:
        from google.auth.exceptions import GoogleAuthError
        from google.genai.errors import APIError

        def explain(error: Exception) -> Failure:
            if isinstance(error, APIError) and dimensions is not None and _refuses_dimensions(error):
                raise DimensionsRefused(error.message) from error
            return self._explain(error)

        return call_again(
            lambda: self._embed(texts, purpose, dimensions),
            explain,
            # The last ones because the SDK takes any JSON that it gets for an object.
            errors=(APIError, GoogleAuthError, httpx.HTTPError, ValueError, TypeError, AttributeError, KeyError),
            max_retries=self._config.max_retries,
        )

    def close(self) -> None:
        self._client.close()

    def _embed(self, texts: Sequence[str], purpose: Purpose, dimensions: int | None) -> list[list[float]]:
        from google.genai import types

        if self._credentials is not None:
            self._credentials.refresh()
        # As contents, since some models would take a list of texts for the parts of one.
        contents: list[Any] = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        task = types.EmbedContentConfig(task_type=self._task(purpose), output_dimensionality=dimensions)
        answer = self._client.models.embed_content(
            model=self._config.model_name_or_path, contents=contents, config=task
        )
        return [list(row.values or ()) for row in answer.embeddings or ()]

    def _task(self, purpose: Purpose) -> str:
        config = self._config
        tasks: dict[Purpose, str] = {
            "document": config.memory_add_embedding_type,
            "update": config.memory_update_embedding_type,
            "query": config.memory_search_embedding_type,
        }
        return tasks[purpose]

    def _explain(self, error: Exception) -> Failure:
        from google.auth.exceptions import GoogleAuthError
        from google.genai.errors import APIError

        if isinstance(error, APIError):
            return self._explain_status(error)
        if isinstance(error, httpx.TimeoutException):
            return explain_timeout(self.endpoint)
        if isinstance(error, httpx.HTTPError):
            return explain_connection(self.endpoint, error)
        if isinstance(error, GoogleAuthError):
            return self._explain_login(error)
        return Failure(error=protocol_error(self.endpoint, f"{type(error).__name__}: {error}"[:300]))

    def _explain_status(self, error: "APIError") -> Failure:
        headers = cast(Mapping[str, str], getattr(error.response, "headers", {}))
        said = str(error.message)
        if error.code == 429 and "retry-after" not in headers:
            wait_s = find_retry_delay(error.details)
            if wait_s is not None:
                return explain_limit(self.endpoint, wait_s, asked=True)
        # Gemini answers 400 to a wrong key.
        status = 401 if error.code == 400 and "API key" in said else error.code
        return explain_status(
            self.endpoint, status=status, said=said, headers=headers, credential=self._credential_name
        )

    def _explain_login(self, error: Exception) -> Failure:
        text = f"Google gave no access token ({str(error)[:200]}); check {self._credential_name}"
        return Failure(error=Unavailable(self.endpoint.dependency, text), passes=bool(getattr(error, "retryable", 0)))

    @property
    def _credential_name(self) -> str:
        return "api_key" if self._credentials is None else "the credentials and the project's permissions"


def find_retry_delay(details: object) -> float | None:
    """Seconds of the RetryInfo in an error of Google's form (google.rpc), or None."""
    found = re.search(r"'retryDelay': '(\d+(?:\.\d+)?)s'", str(details))
    return float(found[1]) if found else None


def _refuses_dimensions(error: "APIError") -> bool:
    said = str(error.message).lower().replace("_", "")
    return error.code == 400 and "dimensionality" in said


def _open_credentials(config: VertexAIEmbedderConfig) -> "GoogleCredentials":
    try:
        from memos.embedders.google_credentials import load_credentials
    except ModuleNotFoundError as missing:
        raise _needs_package(missing) from missing
    return load_credentials(config)


def _build_vertex_client(config: VertexAIEmbedderConfig, credentials: "GoogleCredentials | None") -> "Client":
    if credentials is None:
        key = reveal(config.api_key or _NO_KEY)
        return _build_client(config, config.base_url, vertexai=True, api_key=key)
    return _build_client(
        config,
        config.base_url,
        vertexai=True,
        credentials=credentials.inner,
        project=credentials.project,
        location=config.google_location,
    )


def _build_client(config: GoogleEmbedderConfig, url: str | None, **access: Any) -> "Client":
    try:
        from google import genai
    except ImportError as missing:
        raise _needs_package(missing) from missing
    proxy = choose_proxy(config.http_client_proxies, url or "https://")
    timeout = httpx.Timeout(config.timeout_s, connect=min(_CONNECT_TIMEOUT_S, config.timeout_s))
    options = genai.types.HttpOptions(
        base_url=url,
        timeout=int(config.timeout_s * 1000),
        # Redirections are not followed, so that the key stays with the host it is for.
        httpx_client=httpx.Client(proxy=proxy, timeout=timeout, follow_redirects=False),
    )
    return genai.Client(http_options=options, **access)


def _needs_package(missing: ImportError) -> InvalidConfig:
    return InvalidConfig(f"embedders gemini and vertexai need {missing.name!r}: pip install 'memos[google]'")
