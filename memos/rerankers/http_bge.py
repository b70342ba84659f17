"""A second look by a server, in one of the two protocols that such servers speak.

    cohere  {model, query, documents, top_n}  ->  {results: [{index, relevance_score}, ...]}
            Cohere's and Jina's own, also of vLLM, Infinity and Xinference
    tei     {query, texts, truncate}          ->  [{index, score}, ...]
            text-embeddings-inference

Both list the texts best first and say by ``index`` which is meant.
"""

from collections.abc import Sequence
from typing import Any, Final

import httpx
from pydantic import AliasChoices, BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError

from memos.configs.reranker import HTTPRerankerConfig
from memos.configs.secret import reveal
from memos.embedders.batches import split_requests
from memos.llms.failures import Failure, call_again, explain_connection, explain_status, explain_timeout
from memos.llms.openai_client import Endpoint, protocol_error
from memos.wellformed import well_formed

_CONNECT_TIMEOUT_S: Final = 2.0
_REQUEST_CHARS: Final = 300_000
_SHOWN_CHARS: Final = 200


class _Rank(BaseModel):
    index: int
    score: FiniteFloat = Field(validation_alias=AliasChoices("relevance_score", "score"))


class _Results(BaseModel):
    results: list[_Rank]


_RANKS: Final = TypeAdapter(list[_Rank])


class HTTPReranker:
    """A reranking model over HTTP; the number and the order of what comes back is checked. Thread-safe.

    Connections are kept for the next call. No redirection is followed, so that the key stays with the server.
    """

    def __init__(self, config: HTTPRerankerConfig) -> None:
        self._config = config
        self._client = _build_client(config)
        self._endpoint = Endpoint(
            dependency="reranker",
            url=config.url,
            timeout_s=config.timeout_s,
            missing="check the model's name and that the URL is the whole address, with /rerank",
        )

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        # Providers refuse an empty text; a space has the same meaning, which is none.
        question, *given = [well_formed(text) or " " for text in (query, *texts)]
        batches = split_requests(given, size=self._config.batch_size, chars=_REQUEST_CHARS)
        return [score for batch in batches for score in self._rerank_batch(question, batch)]

    def close(self) -> None:
        self._client.close()

    def _rerank_batch(self, query: str, texts: Sequence[str]) -> list[float]:
        body = self._build_body(query, texts)
        answer = call_again(
            lambda: self._post(body), self._explain, errors=(httpx.HTTPError,), max_retries=self._config.max_retries
        )
        ranks = sorted(self._parse(answer), key=lambda rank: rank.index)
        if [rank.index for rank in ranks] != list(range(len(texts))):
            raise protocol_error(self._endpoint, f"{len(ranks)} scores for {len(texts)} texts, or for other ones")
        return [rank.score for rank in ranks]

    def _build_body(self, query: str, texts: Sequence[str]) -> dict[str, Any]:
        if self._config.api == "tei":
            return {"query": query, "texts": list(texts), "truncate": True}
        # Some answer with fewer than all unless they are asked for all.
        model = self._config.model_name_or_path
        return {"model": model, "query": query, "documents": list(texts), "top_n": len(texts)}

    def _post(self, body: dict[str, Any]) -> bytes:
        return self._client.post(self._config.url, json=body).raise_for_status().content

    def _parse(self, answer: bytes) -> list[_Rank]:
        try:
            if self._config.api == "tei":
                return _RANKS.validate_json(answer)
            return _Results.model_validate_json(answer).results
        except ValidationError as error:
            shown = answer[:_SHOWN_CHARS].decode(errors="replace")
            raise protocol_error(self._endpoint, f"{shown!r} is no ranking of api {self._config.api!r}") from error

    def _explain(self, error: Exception) -> Failure:
        if isinstance(error, httpx.HTTPStatusError):
            answer, missing = error.response, self._endpoint.missing
            status, headers = answer.status_code, answer.headers
            return explain_status(self._endpoint, status=status, said=answer.text, headers=headers, missing=missing)
        if isinstance(error, httpx.TimeoutException):
            return explain_timeout(self._endpoint)
        return explain_connection(self._endpoint, error)


def _build_client(config: HTTPRerankerConfig) -> httpx.Client:
    headers = httpx.Headers({} if config.api_key is None else {"Authorization": f"Bearer {reveal(config.api_key)}"})
    headers.update({name: reveal(value) for name, value in config.headers.items()})
    timeout = httpx.Timeout(config.timeout_s, connect=min(_CONNECT_TIMEOUT_S, config.timeout_s))
    return httpx.Client(headers=headers, timeout=timeout, follow_redirects=False)
