"""Servers that speak the two reranking protocols over real HTTP, and rank by words that question and text share.

Written from the public API references of Cohere, Jina, vLLM and text-embeddings-inference.
"""

from typing import Any

from tests.support.embedding_server import Answer, EmbeddingServer, Fault, Request

LONGEST_TEXT_WORDS = 400


def score(query: str, text: str) -> float:
    """How many words of the text are in the question."""
    asked, said = set(query.lower().split()), text.lower().split()
    return sum(word in asked for word in said) / (len(said) + 1)


class RankServer(EmbeddingServer):
    """A server of one protocol. ``ranks`` replaces what the model says, for answers that do not fit the question."""

    path = "/v1/rerank"
    texts_field = "documents"
    score_field = "relevance_score"
    largest_batch = 1000

    def __init__(self) -> None:
        super().__init__()
        self.ranks: list[dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        return f"{self.address}{self.path}"

    def texts(self, request: Request) -> list[str]:
        return list(request.body.get(self.texts_field, []))

    def answer(self, request: Request) -> Answer:
        if request.path != self.path:
            return self.failure(Fault(status=404, message=f"no route {request.path}"))
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self.failure(Fault(status=401, message="invalid token sk-secret"))
        texts = self.texts(request)
        if not texts or "" in texts or not request.body["query"]:
            return self.failure(Fault(status=422, message="nothing to rank"))
        if len(texts) > self.largest_batch:
            return self.failure(Fault(status=413, message="batch size > maximum allowed batch size"))
        return self.rank(request)

    def rank(self, request: Request) -> Answer:
        """The answer to a sound request."""
        return Answer(body=self.list_ranks(request))

    def list_ranks(self, request: Request) -> list[dict[str, Any]]:
        """Best first, as the references promise."""
        if self.ranks is not None:
            return self.ranks
        query = request.body["query"]
        rows = [{"index": i, self.score_field: score(query, text)} for i, text in enumerate(self.texts(request))]
        return sorted(rows, key=lambda row: -row[self.score_field])


class CohereRanks(RankServer):
    """POST .../rerank with a model; not more than ``top_n`` results, three where none is given."""

    def rank(self, request: Request) -> Answer:
        if request.body["model"] != "bge-reranker-v2-m3":
            return self.failure(Fault(status=404, message=f"The model {request.body['model']!r} does not exist."))
        results = self.list_ranks(request)
        shown = results if self.ranks is not None else results[: request.body.get("top_n", 3)]
        return Answer(body={"id": "r", "model": "m", "usage": {"total_tokens": 1}, "results": shown})

    def failure(self, fault: Fault) -> Answer:
        return Answer(status=fault.status, headers=fault.headers, body={"message": fault.message})


class TEIRanks(RankServer):
    """text-embeddings-inference: no model, a small batch, and long texts only with ``truncate``."""

    path = "/rerank"
    texts_field = "texts"
    score_field = "score"
    largest_batch = 32

    def rank(self, request: Request) -> Answer:
        if set(request.body) - {"query", "texts", "truncate", "raw_scores", "return_text", "truncation_direction"}:
            return self.failure(Fault(status=422, message="unknown field"))
        longest = max(len(text.split()) for text in self.texts(request))
        if longest > LONGEST_TEXT_WORDS and not request.body.get("truncate"):
            return self.failure(Fault(status=413, message="inputs must have less than 512 tokens"))
        return super().rank(request)

    def failure(self, fault: Fault) -> Answer:
        body = {"error": fault.message, "error_type": "Validation"}
        return Answer(status=fault.status, headers=fault.headers, body=body)
