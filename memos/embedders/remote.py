"""Embedding over HTTP, whoever the provider is: prompts, batches and checks round one provider's protocol."""

import logging
from collections.abc import Sequence
from typing import Protocol

from memos.configs.embedder import RemoteEmbedderConfig
from memos.embedders.base import Purpose, parse_texts
from memos.embedders.batches import split_requests
from memos.embedders.prompts import Prompts
from memos.embedders.vectors import VectorCheck
from memos.llms.openai_client import Endpoint
from memos.wellformed import well_formed

logger = logging.getLogger(__name__)


class DimensionsRefused(Exception):
    """A provider does not shorten this model's vectors to the asked dimension. Never leaves this package."""


class Wire(Protocol):
    """One provider's protocol. Thread-safe. Its own retries are inside."""

    @property
    def endpoint(self) -> Endpoint:
        """The server, as errors name it."""
        ...

    @property
    def request_texts(self) -> int:
        """The most texts of one request."""
        ...

    @property
    def request_chars(self) -> int:
        """The most characters of one request, unless one text alone is longer."""
        ...

    def request(self, texts: Sequence[str], *, purpose: Purpose, dimensions: int | None) -> Sequence[Sequence[float]]:
        """One vector per text, in order. Raises our errors, or DimensionsRefused if ``dimensions`` is set."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class RemoteEmbedder:
    """An embedding model over HTTP; the number and the length of what comes back is checked. Thread-safe."""

    def __init__(self, config: RemoteEmbedderConfig, wire: Wire, *, shortens: bool) -> None:
        self._model = config.model_name_or_path
        self._wire = wire
        self._prompts = Prompts(query=config.query_prompt, document=config.document_prompt)
        self._check = VectorCheck(wire.endpoint, model=self._model, expected_dims=config.embedding_dims)
        self._asked_dims = config.embedding_dims if shortens else None

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimension(self) -> int:
        if not self._check.dimension:
            self.embed(["probe"])
        return self._check.dimension

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        prompt = self._prompts.find(purpose) or ""
        # Providers refuse an empty text; a space has the same meaning, which is none.
        given = [well_formed(prompt + text) or " " for text in parse_texts(texts)]
        batches = split_requests(given, size=self._wire.request_texts, chars=self._wire.request_chars)
        return [vector for batch in batches for vector in self._embed_batch(batch, purpose)]

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def _embed_batch(self, texts: Sequence[str], purpose: Purpose) -> list[list[float]]:
        return self._check.unit(self._request(texts, purpose), texts=len(texts))

    def _request(self, texts: Sequence[str], purpose: Purpose) -> Sequence[Sequence[float]]:
        asked = self._asked_dims
        try:
            return self._wire.request(texts, purpose=purpose, dimensions=asked)
        except DimensionsRefused as refusal:
            url = self._wire.endpoint.url
            logger.warning("%s refuses %s numbers a vector (%s); asking without from now on", url, asked, refusal)
            self._asked_dims = None
            return self._wire.request(texts, purpose=purpose, dimensions=None)
