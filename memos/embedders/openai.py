"""Embeddings over OpenAI's protocol: OpenAI, vLLM, llama.cpp, text-embeddings-inference and others."""

import math
from collections.abc import Sequence

from pydantic import ValidationError

from memos.configs.embedder import UniversalAPIEmbedderConfig
from memos.llms.openai_client import (
    OPENAI_URL,
    SDK_ERRORS,
    Endpoint,
    build_client,
    protocol_error,
    translate,
)
from memos.llms.openai_wire import Embeddings
from memos.wellformed import well_formed


class UniversalAPIEmbedder:
    """An embedding model over HTTP; the number and the length of what comes back is checked. Thread-safe."""

    def __init__(self, config: UniversalAPIEmbedderConfig) -> None:
        self._config = config
        self._endpoint = Endpoint(dependency="embedder", url=config.base_url or OPENAI_URL, timeout_s=config.timeout_s)
        self._client = build_client(self._endpoint, api_key=config.api_key, max_retries=config.max_retries)
        self._dimension = 0

    @property
    def model(self) -> str:
        return self._config.model_name_or_path

    @property
    def dimension(self) -> int:
        if not self._dimension:
            self.embed(["probe"])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        size = self._config.batch_size
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        return [vector for batch in batches for vector in self._embed_batch(batch)]

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _embed_batch(self, texts: Sequence[str]) -> list[list[float]]:
        # Providers refuse an empty text; a space has the same meaning, which is none.
        given = [well_formed(text) or " " for text in texts]
        try:
            answer = self._client.embeddings.create(model=self.model, input=given, encoding_format="float")
        except SDK_ERRORS as error:
            raise translate(error, self._endpoint) from error
        vectors = self._in_order(answer, expected=len(given))
        return [self._unit(vector) for vector in vectors]

    def _in_order(self, answer: object, *, expected: int) -> list[list[float]]:
        try:
            rows = sorted(Embeddings.model_validate(answer).data, key=lambda row: row.index)
        except ValidationError as error:
            raise protocol_error(self._endpoint, f"{str(answer)[:200]!r} is not a list of embeddings") from error
        if [row.index for row in rows] != list(range(expected)):
            raise protocol_error(self._endpoint, f"{len(rows)} vectors for {expected} texts")
        return [row.embedding for row in rows]

    def _unit(self, vector: list[float]) -> list[float]:
        self._dimension = self._dimension or len(vector)
        if len(vector) != self._dimension:
            text = f"a vector of {len(vector)} numbers after ones of {self._dimension}"
            raise protocol_error(self._endpoint, text)
        length = math.hypot(*vector)
        if not 0 < length < math.inf:
            raise protocol_error(self._endpoint, f"a vector of length {length}, which has no direction")
        return [value / length for value in vector]
