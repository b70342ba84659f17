"""What is Google's own: tasks, projects and credentials; the rest is in tests/contract/test_embedders.py."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.configs.embedder import EmbedderConfigFactory, VertexAIEmbedderConfig
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.embedders.google import find_retry_delay
from memos.embedders.google_credentials import load_credentials
from memos.errors import InvalidConfig, InvalidRequest, QuotaExceeded, Unavailable
from tests.support.embedding_server import Answer, Request, serving
from tests.support.gemini_server import GeminiEmbeddings
from tests.support.vertex_server import VertexEmbeddings

TASKS = {
    "memory_add_embedding_type": "CLUSTERING",
    "memory_update_embedding_type": "CLASSIFICATION",
    "memory_search_embedding_type": "QUESTION_ANSWERING",
}


@pytest.fixture
def vertex() -> Iterator[VertexEmbeddings]:
    with serving(VertexEmbeddings()) as running:
        yield running


@pytest.fixture
def gemini() -> Iterator[GeminiEmbeddings]:
    with serving(GeminiEmbeddings()) as running:
        yield running


def _open(backend: str, **values: Any) -> Embedder:
    config = {"max_retries": 0, "timeout_s": 5, **values}
    return EmbedderFactory.from_config(EmbedderConfigFactory.model_validate({"backend": backend, "config": config}))


def _embed_all(embedder: Embedder) -> None:
    embedder.embed(["a"])
    embedder.embed(["a"], purpose="update")
    embedder.embed(["a"], purpose="query")


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        ({}, ["RETRIEVAL_DOCUMENT", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"]),
        (TASKS, ["CLUSTERING", "CLASSIFICATION", "QUESTION_ANSWERING"]),
    ],
)
def test_each_purpose_is_a_task(
    vertex: VertexEmbeddings, gemini: GeminiEmbeddings, changes: dict[str, str], tasks: list[str]
) -> None:
    _embed_all(_open("vertexai", base_url=vertex.url, google_service_account_json=vertex.credentials(), **changes))
    assert [request.body["instances"][0]["task_type"] for request in vertex.requests] == tasks
    _embed_all(_open("gemini", base_url=gemini.url, api_key=gemini.key, **changes))
    assert [request.body["requests"][0]["taskType"] for request in gemini.requests] == tasks


def test_the_location_and_the_accounts_own_project_are_in_the_address(vertex: VertexEmbeddings) -> None:
    account = vertex.credentials()
    _open("vertexai", base_url=vertex.url, google_service_account_json=account).embed(["a"])
    _open(
        "vertexai", base_url=vertex.url, google_service_account_json=json.dumps(account), google_location="europe-west4"
    ).embed(["a"])
    assert vertex.locations == ["us-central1", "europe-west4"]


def test_another_project_can_be_named(vertex: VertexEmbeddings) -> None:
    vertex.project = "other"
    account = {**vertex.credentials(), "project_id": "test-project"}
    embedder = _open("vertexai", base_url=vertex.url, google_service_account_json=account, google_project_id="other")
    assert embedder.embed(["a"])


def test_credentials_are_read_from_the_named_file_or_the_one_of_the_environment(
    vertex: VertexEmbeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(vertex.credentials()), encoding="utf-8")
    assert _open("vertexai", base_url=vertex.url, vertex_credentials_json=str(path)).embed(["a"])
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    found = load_credentials(VertexAIEmbedderConfig())
    found.refresh()
    assert (found.inner.token, found.project, vertex.tokens_given) == (vertex.token, vertex.project, 2)


def test_the_environments_credentials_do_not_go_to_another_host(
    vertex: VertexEmbeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(vertex.credentials()), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(InvalidConfig, match="is not Google's"):
        _open("vertexai", base_url=vertex.url)


def test_a_token_is_fetched_once(vertex: VertexEmbeddings) -> None:
    embedder = _open("vertexai", base_url=vertex.url, google_service_account_json=vertex.credentials(), cache_size=0)
    _embed_all(embedder)
    assert vertex.tokens_given == 1


def test_an_account_that_google_refuses_is_told(vertex: VertexEmbeddings) -> None:
    vertex.refuses_accounts = True
    embedder = _open("vertexai", base_url=vertex.url, google_service_account_json=vertex.credentials())
    with pytest.raises(Unavailable, match=r"no access token .*check the credentials"):
        embedder.embed(["a"])
    assert vertex.requests == []


@pytest.mark.parametrize("text", ["no json", "[]", '{"type": "service_account"}', '{"type": "unheard of"}'])
def test_a_file_without_credentials_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig, match="vertexai embedder"):
        _open("vertexai", vertex_credentials_json=str(path))
    with pytest.raises(InvalidConfig, match="cannot read"):
        _open("vertexai", vertex_credentials_json=str(tmp_path / "gone.json"))


def test_credentials_without_a_project_are_told(vertex: VertexEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    account = {name: value for name, value in vertex.credentials().items() if name != "project_id"}
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with pytest.raises(InvalidConfig, match="google_project_id"):
        _open("vertexai", base_url=vertex.url, google_service_account_json=account)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", vertex.project)
    assert _open("vertexai", base_url=vertex.url, google_service_account_json=account).embed(["a"])


def test_a_key_opens_vertex_without_a_project(vertex: VertexEmbeddings) -> None:
    assert _open("vertexai", base_url=vertex.url, api_key=vertex.key).embed(["a", "b"])
    assert vertex.locations == [None]


def test_geminis_models_on_vertex_get_one_text_a_request(vertex: VertexEmbeddings) -> None:
    account = vertex.credentials()
    embedder = _open(
        "vertexai",
        base_url=vertex.url,
        model="gemini-embedding-001",
        google_service_account_json=account,
        embedding_dims=8,
    )
    assert [len(vector) for vector in embedder.embed(["a", "b"], purpose="query")] == [8, 8]
    assert vertex.sent_texts == [["a"], ["b"]]
    assert vertex.requests[0].body["embedContentConfig"] == {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}


def test_a_request_to_vertex_is_not_longer_than_it_takes(vertex: VertexEmbeddings) -> None:
    embedder = _open("vertexai", base_url=vertex.url, google_service_account_json=vertex.credentials())
    embedder.embed(["a" * 9000, "b" * 9000, "c" * 9000])
    assert [len(texts) for texts in vertex.sent_texts] == [2, 1]


def test_several_texts_for_a_multimodal_model_stay_several(gemini: GeminiEmbeddings) -> None:
    embedder = _open("gemini", base_url=gemini.url, api_key=gemini.key, model="gemini-embedding-2")
    assert len(embedder.embed(["a", "b"])) == 2
    assert gemini.sent_texts == [["a", "b"]]


def test_the_wait_that_gemini_names_in_the_body_counts() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]
    body = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}

    class Limited(GeminiEmbeddings):
        def answer(self, request: Request) -> Answer:
            return Answer(status=429, body=body)

    with serving(Limited()) as server, pytest.raises(QuotaExceeded) as caught:
        _open("gemini", base_url=server.url, api_key=server.key).embed(["a"])
    assert caught.value.retry_after_s == 34


@pytest.mark.parametrize(("delay", "expected"), [("34s", 34.0), ("0.5s", 0.5), ("soon", None)])
def test_a_retry_delay_is_seconds(delay: str, expected: float | None) -> None:
    assert find_retry_delay({"error": {"details": [{"retryDelay": delay}]}}) == expected
    assert find_retry_delay(None) is None


def test_gemini_alone_gets_googles_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(InvalidConfig, match="GOOGLE_API_KEY"):
        _open("gemini")
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    assert _open("gemini").model == "models/text-embedding-004"


def test_an_unknown_model_is_the_callers_mistake(gemini: GeminiEmbeddings) -> None:
    with pytest.raises(InvalidRequest, match="check the model's name"):
        _open("gemini", base_url=gemini.url, api_key=gemini.key, model="tunedModels/x").embed(["a"])


@pytest.mark.parametrize("backend", ["gemini", "vertexai"])
def test_a_missing_package_says_what_to_install(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import google

    monkeypatch.delattr(google, "genai", raising=False)
    monkeypatch.setitem(sys.modules, "google.genai", None)
    with pytest.raises(InvalidConfig, match=r"pip install 'memos\[google\]'"):
        _open(backend, api_key="k")
