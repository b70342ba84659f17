"""A server that speaks the embedding part of Vertex AI over real HTTP, and gives access tokens like Google's.

A service account's credentials name the URL where a signed assertion becomes a token (RFC 7523): here it is this
server, which checks the signature with the account's public key.
"""

import re
from functools import cache
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from tests.support.embedding_server import Answer, EmbeddingServer, Fault, Request
from tests.support.gemini_server import TASKS

_PATH: Final = re.compile(
    r"/v1beta1/(?:projects/([\w-]+)/locations/([\w-]+)/)?publishers/google/models/([\w.-]+):(predict|embedContent)"
)
# Whatever token_uri says, Google's library signs for this one.
_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
_ACCOUNT: Final = "memory@test-project.iam.gserviceaccount.com"
_STATUS: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


@cache
def _private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class VertexEmbeddings(EmbeddingServer):
    """POST .../models/NAME:predict with instances, or :embedContent for Gemini's models, with a bearer token."""

    project = "test-project"
    token = "ya29.test-token"
    token_path = "/token"

    def __init__(self, *, shortens: bool = True) -> None:
        super().__init__()
        self.shortens = shortens
        self.tokens_given = 0
        self.refuses_accounts = False
        self.locations: list[str | None] = []
        self._private_key = _private_key()

    def credentials(self) -> dict[str, str]:
        """A service account's file, as the console gives it."""
        private = self._private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": _ACCOUNT,
            "client_id": "1",
            "token_uri": self.address + self.token_path,
        }

    def handle(self, request: Request) -> Answer | None:
        return self._give_token(request) if request.path == self.token_path else super().handle(request)

    def answer(self, request: Request) -> Answer:
        matched = _PATH.fullmatch(request.path)
        if matched is None:
            return self.failure(Fault(status=404, message=f"{request.path} is not found"))
        if not self._knows(request, matched[1]):
            return self.failure(Fault(status=401, message="Request had invalid authentication credentials."))
        self.locations.append(matched[2])
        return self._predict(request) if matched[4] == "predict" else self._embed_content(request)

    def texts(self, request: Request) -> list[str]:
        if "instances" in request.body:
            return [item["content"] for item in request.body["instances"]]
        return ["".join(part["text"] for part in request.body["content"]["parts"])]

    def failure(self, fault: Fault) -> Answer:
        error = {"code": fault.status, "message": fault.message, "status": _STATUS.get(fault.status, "INTERNAL")}
        return Answer(status=fault.status, headers=fault.headers, body={"error": error})

    def _knows(self, request: Request, project: str | None) -> bool:
        if project is None:
            return request.headers.get("x-goog-api-key") == self.key
        return project == self.project and request.headers.get("authorization") == f"Bearer {self.token}"

    def _predict(self, request: Request) -> Answer:
        instances, dims = request.body["instances"], request.body.get("parameters", {}).get("outputDimensionality")
        if len(instances) > 250:
            return self.failure(Fault(status=400, message="250 instance(s) are allowed per prediction."))
        if any(item.get("task_type") not in (None, *TASKS) for item in instances):
            return self.failure(Fault(status=400, message="Unsupported task type."))
        if dims and not self.shortens:
            return self.failure(Fault(status=400, message="outputDimensionality is not supported by the model."))
        vectors = self.embed(self.texts(request), dims)
        rows = [{"embeddings": {"values": vector, "statistics": {"token_count": 1}}} for vector in vectors]
        return Answer(body={"predictions": rows})

    def _embed_content(self, request: Request) -> Answer:
        dims = request.body.get("embedContentConfig", {}).get("outputDimensionality")
        [vector] = self.embed(self.texts(request), dims)
        return Answer(body={"embedding": {"values": vector}, "usageMetadata": {"promptTokenCount": 1}})

    def _give_token(self, request: Request) -> Answer:
        if self.refuses_accounts:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        public = self._private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(request.body["assertion"][0], certs=public, audience=_AUDIENCE)
        except ValueError as error:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": str(error)})
        if claims["iss"] != _ACCOUNT:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": "unknown account"})
        self.tokens_given += 1
        return Answer(body={"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})
