"""A server that speaks the embedding part of the Gemini API (generativelanguage v1) over real HTTP."""

import re
from typing import Final

from tests.support.embedding_server import Answer, EmbeddingServer, Fault, Request

_PATH: Final = re.compile(r"/v1(?:beta)?/(models/[\w.-]+):batchEmbedContents")
_STATUS: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
TASKS: Final = (
    "RETRIEVAL_DOCUMENT",
    "RETRIEVAL_QUERY",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
)


class GeminiEmbeddings(EmbeddingServer):
    """POST /v1/models/NAME:batchEmbedContents, at most 100 contents, the key in ``x-goog-api-key``.

    ``shortens`` says whether the model takes an outputDimensionality.
    """

    def __init__(self, *, shortens: bool = True) -> None:
        super().__init__()
        self.shortens = shortens

    def answer(self, request: Request) -> Answer:
        matched = _PATH.fullmatch(request.path)
        if matched is None:
            return self.failure(Fault(status=404, message=f"{request.path} is not found"))
        if request.headers.get("x-goog-api-key") not in (self.key, "none"):
            return self.failure(Fault(status=400, message="API key not valid. Please pass a valid API key."))
        items = request.body["requests"]
        if problem := self._find_problem(items, matched[1]):
            return self.failure(Fault(status=400, message=problem))
        vectors = self.embed(self.texts(request), items[0].get("outputDimensionality"))
        return Answer(body={"embeddings": [{"values": vector} for vector in vectors]})

    def texts(self, request: Request) -> list[str]:
        return ["".join(part["text"] for part in item["content"]["parts"]) for item in request.body["requests"]]

    def failure(self, fault: Fault) -> Answer:
        status = _STATUS.get(fault.status, "INTERNAL")
        error = {"code": fault.status, "message": fault.message, "status": status}
        return Answer(status=fault.status, headers=fault.headers, body={"error": error})

    def _find_problem(self, items: list[dict[str, object]], model: str) -> str | None:
        if not 1 <= len(items) <= 100:
            return "at most 100 requests can be in one batch"
        for item in items:
            if item["model"] != model:
                return f"{item['model']} is not the model of the batch"
            if item.get("taskType") not in (None, *TASKS):
                return f"Invalid value at 'task_type': {item['taskType']}"
            if "outputDimensionality" in item and not self.shortens:
                return "output_dimensionality is not supported by this model."
        return None
