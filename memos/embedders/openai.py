"""Embeddings over OpenAI's protocol: OpenAI, Together, LM Studio, vLLM, text-embeddings-inference and others."""

from collections.abc import Sequence
from typing import Any, Final

import openai
from pydantic import ValidationError

from memos.configs.embedder import (
    HuggingFaceEmbedderConfig,
    KeyedEmbedderConfig,
    LMStudioEmbedderConfig,
    OpenAIEmbedderConfig,
    TogetherEmbedderConfig,
    UniversalAPIEmbedderConfig,
)
from memos.configs.llm import Home
from memos.embedders.base import Purpose
from memos.embedders.proxies import choose_proxy
from memos.embedders.remote import DimensionsRefused, RemoteEmbedder
from memos.errors import InvalidConfig
from memos.llms.openai_client import (
    OPENAI_HOME,
    OPENAI_URL,
    SDK_ERRORS,
    Endpoint,
    build_client,
    protocol_error,
    translate,
)
from memos.llms.openai_wire import Embeddings

_TOGETHER: Final = Home(
    url="https://api.together.xyz/v1", hosts=("together.xyz", "together.ai"), key_variable="TOGETHER_API_KEY"
)
# OpenAI takes 300,000 tokens in a request, and a character is seldom more than one.
_REQUEST_CHARS: Final = 300_000


class OpenAIWire:
    """The embeddings call of the official SDK, which repeats and waits by itself."""

    def __init__(self, client: openai.OpenAI, endpoint: Endpoint, *, model: str, request_texts: int) -> None:
        self._client = client
        self._model = model
        self.endpoint = endpoint
        self.request_texts = request_texts
        self.request_chars = _REQUEST_CHARS

    def request(self, texts: Sequence[str], *, purpose: Purpose, dimensions: int | None) -> Sequence[Sequence[float]]:
        del purpose  # the protocol has no word for it
        asked: dict[str, Any] = {} if dimensions is None else {"dimensions": dimensions}
        try:
            answer = self._client.embeddings.create(
                model=self._model, input=list(texts), encoding_format="float", **asked
            )
        except SDK_ERRORS as error:
            if asked and _refuses_dimensions(error):
                raise DimensionsRefused(str(error)[:200]) from error
            raise translate(error, self.endpoint) from error
        return self._in_order(answer, expected=len(texts))

    def close(self) -> None:
        self._client.close()

    def _in_order(self, answer: object, *, expected: int) -> list[list[float]]:
        try:
            rows = sorted(Embeddings.model_validate(answer).data, key=lambda row: row.index)
        except ValidationError as error:
            raise protocol_error(self.endpoint, f"{str(answer)[:200]!r} is not a list of embeddings") from error
        if [row.index for row in rows] != list(range(expected)):
            raise protocol_error(self.endpoint, f"{len(rows)} vectors for {expected} texts")
        return [row.embedding for row in rows]


class UniversalAPIEmbedder(RemoteEmbedder):
    """Whatever speaks OpenAI's protocol, or Azure's dialect of it."""

    def __init__(self, config: UniversalAPIEmbedderConfig) -> None:
        super().__init__(config, _universal_wire(config), shortens=True)


def open_openai(config: OpenAIEmbedderConfig) -> RemoteEmbedder:
    """OpenAI, or a server that takes its place."""
    return RemoteEmbedder(config, open_wire(config, config.base_url or OPENAI_URL), shortens=True)


def open_together(config: TogetherEmbedderConfig) -> RemoteEmbedder:
    """Together."""
    return RemoteEmbedder(config, open_wire(config, config.base_url or _TOGETHER.url, home=_TOGETHER), shortens=False)


def open_lmstudio(config: LMStudioEmbedderConfig) -> RemoteEmbedder:
    """LM Studio."""
    return RemoteEmbedder(config, open_wire(config, config.base_url), shortens=False)


def open_tei(config: HuggingFaceEmbedderConfig, url: str) -> RemoteEmbedder:
    """text-embeddings-inference."""
    return RemoteEmbedder(config, open_wire(config, url), shortens=False)


def open_wire(config: KeyedEmbedderConfig, url: str, *, home: Home = OPENAI_HOME) -> OpenAIWire:
    """A connection to ``url`` with the configured key; without one, ``home``'s goes to ``home`` and nowhere else."""
    endpoint = Endpoint(dependency="embedder", url=url, timeout_s=config.timeout_s)
    client = build_client(endpoint, api_key=config.api_key, max_retries=config.max_retries, home=home)
    if proxy := choose_proxy(config.http_client_proxies, url):
        client = client.with_options(http_client=openai.DefaultHttpxClient(proxy=proxy, follow_redirects=False))
    return OpenAIWire(client, endpoint, model=config.model_name_or_path, request_texts=config.batch_size)


def _universal_wire(config: UniversalAPIEmbedderConfig) -> OpenAIWire:
    if config.provider == "openai":
        return open_wire(config, config.base_url or OPENAI_URL)
    from memos.embedders.azure import Deployment, open_azure_wire

    if config.base_url is None or config.api_key is None:
        raise InvalidConfig("an embedder of provider 'azure' needs base_url (the resource's endpoint) and api_key")
    deployment = Deployment(
        endpoint=config.base_url, name=config.model_name_or_path, api_version=config.api_version, key=config.api_key
    )
    return open_azure_wire(config, deployment)


def _refuses_dimensions(error: Exception) -> bool:
    """Whether the server complains of ``dimensions``: OpenAI names it, vLLM speaks of Matryoshka models."""
    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return False
    said = f"{error.param} {error.message}".lower()
    return "dimension" in said or "matryoshka" in said
