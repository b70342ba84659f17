"""What every embedder keeps to, over real HTTP against servers that speak each provider's protocol, and in process."""

import logging
import math
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import certifi
import pytest

from memos.configs.embedder import EmbedderConfigFactory
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.errors import InvalidRequest, QuotaExceeded, Unavailable
from tests.support.embedding_server import (
    NATIVE_DIMS,
    AzureEmbeddings,
    EmbeddingServer,
    Fault,
    OllamaEmbeddings,
    OpenAIEmbeddings,
    serving,
    unit_vector,
)
from tests.support.gemini_server import GeminiEmbeddings
from tests.support.vertex_server import VertexEmbeddings

STRANGE = ["", " ", "\ud800 alone", "\x00", "Zürich, 東京, 🦊" * 50, "a" * 5000]
VARIABLES = (
    "OPENAI_API_KEY",
    "TOGETHER_API_KEY",
    "OLLAMA_API_KEY",
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "OPENAI_ORG_ID",
)
PROXIED = "http://embedder.invalid"


def _azure(server: EmbeddingServer, url: str) -> dict[str, Any]:
    return {"azure_kwargs": {"azure_endpoint": url, "api_key": server.key, "azure_deployment": "embed-small"}}


def _azure_universal(server: EmbeddingServer, url: str) -> dict[str, Any]:
    return {"provider": "azure", "model_name_or_path": "embed-small", "base_url": url, "api_key": server.key}


def _by_url(name: str, **more: str) -> Callable[[EmbeddingServer, str], dict[str, Any]]:
    return lambda server, url: {name: url, "api_key": server.key, **more}


def _vertex(server: EmbeddingServer, url: str) -> dict[str, Any]:
    assert isinstance(server, VertexEmbeddings)
    return {"base_url": url, "google_service_account_json": server.credentials()}


def _openai_dims(body: Any) -> Any:
    return body.get("dimensions")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A backend, its server, and where the two meet. ``path`` is what an embedder's URL has behind the address."""

    backend: str
    server: Callable[[], EmbeddingServer]
    config: Callable[[EmbeddingServer, str], dict[str, Any]]
    batch: int
    path: str = ""
    dims: Callable[[Any], Any] | None = None
    rigid: Callable[[], EmbeddingServer] | None = None
    wrong_key: Mapping[str, Any] = field(default_factory=lambda: {"api_key": "wrong"})


CASES = {
    "universal_api": Case(
        backend="universal_api",
        server=OpenAIEmbeddings,
        config=_by_url("base_url", model_name_or_path="e"),
        batch=64,
        path="/v1",
        dims=_openai_dims,
        rigid=lambda: OpenAIEmbeddings(shortens=False),
    ),
    "universal_api azure": Case(
        backend="universal_api", server=AzureEmbeddings, config=_azure_universal, batch=64, dims=_openai_dims
    ),
    "openai": Case(
        backend="openai",
        server=OpenAIEmbeddings,
        config=_by_url("base_url"),
        batch=2048,
        path="/v1",
        dims=_openai_dims,
        rigid=lambda: OpenAIEmbeddings(shortens=False),
    ),
    "azure_openai": Case(
        backend="azure_openai",
        server=AzureEmbeddings,
        config=_azure,
        batch=2048,
        dims=_openai_dims,
        rigid=lambda: AzureEmbeddings(shortens=False),
        wrong_key={"azure_kwargs": {"azure_deployment": "embed-small", "api_key": "wrong"}},
    ),
    "together": Case(backend="together", server=OpenAIEmbeddings, config=_by_url("base_url"), batch=64, path="/v1"),
    "lmstudio": Case(
        backend="lmstudio", server=OpenAIEmbeddings, config=_by_url("lmstudio_base_url"), batch=64, path="/v1"
    ),
    "huggingface": Case(
        backend="huggingface", server=OpenAIEmbeddings, config=_by_url("huggingface_base_url"), batch=32, path="/v1"
    ),
    "ollama": Case(
        backend="ollama",
        server=lambda: OllamaEmbeddings(is_locked=True),
        config=_by_url("ollama_base_url"),
        batch=64,
    ),
    "gemini": Case(
        backend="gemini",
        server=GeminiEmbeddings,
        config=_by_url("base_url"),
        batch=100,
        dims=lambda body: body["requests"][0].get("outputDimensionality"),
        rigid=lambda: GeminiEmbeddings(shortens=False),
    ),
    "vertexai": Case(
        backend="vertexai",
        server=VertexEmbeddings,
        config=_vertex,
        batch=250,
        dims=lambda body: body.get("parameters", {}).get("outputDimensionality"),
        rigid=lambda: VertexEmbeddings(shortens=False),
        wrong_key={"api_key": "wrong", "google_service_account_json": None},
    ),
}
ONE_OF_EACH_SDK = ("openai", "azure_openai", "ollama", "gemini", "vertexai")


@dataclass(kw_only=True)
class Bench:
    """A case with its server running."""

    case: Case
    server: EmbeddingServer

    def embedder(self, *, url: str | None = None, **changes: Any) -> Embedder:
        """An embedder of the case; no cache and no retries unless they are asked for."""
        config = self.case.config(self.server, url or self.server.url)
        values = {**config, "cache_size": 0, "max_retries": 0, "timeout_s": 5, **changes}
        factory = EmbedderConfigFactory.model_validate({"backend": self.case.backend, "config": values})
        return EmbedderFactory.from_config(factory)

    @property
    def sizes(self) -> list[int]:
        """How many texts each request had."""
        return [len(texts) for texts in self.server.sent_texts]


@pytest.fixture(autouse=True, scope="module")
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing here speaks TLS, and each client would take 20 ms and more to load all authorities of the world."""
    first = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----")
    bundle = tmp_path_factory.mktemp("authorities") / "one.pem"
    bundle.write_text("".join(first[:2]) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        yield


@pytest.fixture(params=CASES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    case = CASES[request.param]
    with serving(case.server()) as server:
        yield Bench(case=case, server=server)


@pytest.fixture(params=[*CASES, pytest.param("sentence_transformer", marks=pytest.mark.models)])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param not in CASES:
        config = {"dtype": "float32", "device": "cpu", "query_prompt": "query: "}
        factory = EmbedderConfigFactory.model_validate({"backend": request.param, "config": config})
        yield EmbedderFactory.from_config(factory)
        return
    case = CASES[request.param]
    with serving(case.server()) as server:
        yield Bench(case=case, server=server).embedder(query_prompt="query: ")


def _cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


class TestEveryEmbedder:
    def test_there_is_one_unit_vector_of_the_probed_dimension_for_each_text(self, embedder: Embedder) -> None:
        vectors = embedder.embed(["one", "two", "three", *STRANGE])
        assert {len(vector) for vector in vectors} == {embedder.dimension}
        assert len(vectors) == 3 + len(STRANGE)
        assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in vectors)

    def test_a_batch_says_of_each_text_what_is_said_of_it_alone(self, embedder: Embedder) -> None:
        texts = [f"number {number} of them" for number in range(9)]
        for text, vector in zip(texts, embedder.embed(texts), strict=True):
            assert _cosine(embedder.embed([text])[0], vector) > 0.9999

    def test_several_threads_get_the_same_vectors(self, embedder: Embedder) -> None:
        expected = embedder.embed(["one", "two"])
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(embedder.embed, [["one", "two"]] * 8):
                assert _cosine(found[0], expected[0]) > 0.9999
                assert _cosine(found[1], expected[1]) > 0.9999

    def test_a_question_gets_its_prompt_and_a_document_none(self, embedder: Embedder) -> None:
        [question] = embedder.embed(["who"], purpose="query")
        assert _cosine(question, embedder.embed(["query: who"])[0]) > 0.9999
        assert _cosine(question, embedder.embed(["who"])[0]) < 0.999
        assert embedder.embed(["who"], purpose="update") == embedder.embed(["who"], purpose="document")

    @pytest.mark.parametrize("wrong", ["hello", b"hello", ["a", None], ["a", 7], None], ids=repr)
    def test_what_is_no_list_of_texts_is_refused(self, embedder: Embedder, wrong: Any) -> None:
        with pytest.raises(InvalidRequest, match=r"texts(\[1\])? must be a"):
            embedder.embed(wrong)

    def test_no_texts_have_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed([]) == []


class TestEveryProvider:
    def test_vectors_are_those_of_the_model_in_the_order_of_the_texts(self, bench: Bench) -> None:
        vectors = bench.embedder().embed(["a", "b", "c"])
        assert vectors == [pytest.approx(unit_vector(text)) for text in "abc"]

    def test_requests_are_of_the_providers_size(self, bench: Bench) -> None:
        bench.embedder().embed([str(number) for number in range(bench.case.batch + 1)])
        assert bench.sizes == [bench.case.batch, 1]

    def test_requests_are_of_the_configured_size(self, bench: Bench) -> None:
        assert len(bench.embedder(batch_size=2).embed(["a", "b", "c"])) == 3
        assert bench.server.sent_texts == [["a", "b"], ["c"]]

    def test_strange_texts_reach_the_server_as_text(self, bench: Bench) -> None:
        bench.embedder().embed(["", "\ud800", "東京"])
        assert bench.server.sent_texts == [[" ", "\ufffd", "東京"]]

    def test_prompts_are_put_before_the_texts(self, bench: Bench) -> None:
        embedder = bench.embedder(query_prompt="Q: ", document_prompt="D: ")
        embedder.embed(["a"], purpose="query")
        embedder.embed(["a"])
        assert bench.server.sent_texts == [["Q: a"], ["D: a"]]

    @pytest.mark.parametrize(
        "vectors",
        [
            [[1.0, 2.0]],
            [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
            [[1.0, 2.0], [1.0]],
            [[0.0, 0.0], [1.0, 2.0]],
            [[math.nan, 1.0], [1.0, 2.0]],
            [[], []],
        ],
        ids=["too few", "too many", "two dimensions", "no direction", "not a number", "empty"],
    )
    def test_an_answer_that_does_not_fit_the_question_is_refused(
        self, bench: Bench, vectors: list[list[float]]
    ) -> None:
        bench.server.vectors = vectors
        with pytest.raises(Unavailable, match=r"embedder is unavailable: .* cannot be used"):
            bench.embedder().embed(["a", "b"])

    def test_a_dimension_that_changes_is_refused(self, bench: Bench) -> None:
        embedder = bench.embedder()
        embedder.embed(["a"])
        bench.server.native_dims += 1
        with pytest.raises(Unavailable, match=f"{NATIVE_DIMS + 1} numbers after ones of {NATIVE_DIMS}"):
            embedder.embed(["a"])

    @pytest.mark.parametrize("garbage", ["<html>", "", "{}", "[1]", "null", '"a"', '{"embeddings": 1, "data": 1}'])
    def test_an_answer_of_another_protocol_is_refused(self, bench: Bench, garbage: str) -> None:
        bench.server.faults = [Fault(garbage=garbage)]
        with pytest.raises(Unavailable, match="cannot be used"):
            bench.embedder().embed(["a"])

    def test_a_wrong_key_is_told_as_such(self, bench: Bench) -> None:
        wrong = dict(bench.case.wrong_key)
        if "azure_kwargs" in wrong:
            wrong["azure_kwargs"] = {**wrong["azure_kwargs"], "azure_endpoint": bench.server.url}
        with pytest.raises(Unavailable, match=r"refused the .*401\); check api_key"):
            bench.embedder(max_retries=3, **wrong).embed(["a"])
        assert len(bench.server.requests) == 1

    def test_a_limit_says_when_to_come_again(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=429, headers={"Retry-After": "7"})]
        with pytest.raises(QuotaExceeded) as caught:
            bench.embedder().embed(["a"])
        assert caught.value.retry_after_s == 7
        assert caught.value.reason == "provider"

    def test_a_server_in_trouble_is_unavailable_and_asked_again_when_configured(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=500, message="overloaded")]
        with pytest.raises(Unavailable, match=r"answered 500: .*overloaded"):
            bench.embedder().embed(["a"])
        bench.server.faults = [Fault(status=503, headers={"Retry-After": "0.01"})]
        assert bench.embedder(max_retries=1).embed(["a"]) == [pytest.approx(unit_vector("a"))]

    def test_a_request_that_cannot_succeed_is_the_callers_mistake(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=400, message="text too long")]
        with pytest.raises(InvalidRequest, match="text too long"):
            bench.embedder(max_retries=3).embed(["a"])
        assert len(bench.server.requests) == 1

    def test_silence_ends_with_the_time_out(self, bench: Bench) -> None:
        bench.server.faults = [Fault(hangs=True)]
        with pytest.raises(Unavailable, match=r"no answer from .* within 0.3 s"):
            bench.embedder(timeout_s=0.3).embed(["a"])

    def test_nobody_at_home_is_told_as_such(self, bench: Bench) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"no connection to {url}"):
            bench.embedder(url=url + bench.case.path).embed(["a"])

    def test_a_text_that_comes_again_costs_no_request(self, bench: Bench) -> None:
        embedder = bench.embedder(cache_size=10)
        assert embedder.embed(["a"]) == [pytest.approx(vector, abs=1e-6) for vector in embedder.embed(["a"])]
        assert len(bench.server.requests) == 1
        embedder.embed(["a"], purpose="query")
        assert len(bench.server.requests) == 2

    def test_requests_go_through_the_configured_proxy(self, bench: Bench) -> None:
        proxies = {"http://": bench.server.address}
        embedder = bench.embedder(url=PROXIED + bench.case.path, http_client_proxies=proxies)
        assert embedder.embed(["a"]) == [pytest.approx(unit_vector("a"))]
        assert bench.server.requests[0].target.startswith(f"{PROXIED}/")

    def test_a_redirection_to_another_host_is_not_followed(self, bench: Bench) -> None:
        with serving(OpenAIEmbeddings()) as stranger:
            bench.server.faults = [Fault(status=307, headers={"Location": f"{stranger.address}/v1/embeddings"})]
            with pytest.raises((InvalidRequest, Unavailable)):
                bench.embedder().embed(["a"])
            assert stranger.requests == []


class TestDimensions:
    @pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.dims])
    def test_a_provider_that_can_shorten_is_asked_to(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        case = CASES[name]
        assert case.dims is not None
        with serving(case.server()) as server, caplog.at_level(logging.WARNING):
            embedder = Bench(case=case, server=server).embedder(embedding_dims=8)
            assert len(embedder.embed(["a"])[0]) == embedder.dimension == 8
            assert case.dims(server.requests[0].body) == 8
        assert caplog.messages == []

    @pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.dims])
    def test_the_real_dimension_wins_with_one_warning(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        case = CASES[name]
        with serving(case.server()) as server, caplog.at_level(logging.WARNING):
            embedder = Bench(case=case, server=server).embedder(embedding_dims=512)
            assert len(embedder.embed(["a"])[0]) == embedder.dimension == NATIVE_DIMS
            embedder.embed(["b"])
        [said] = caplog.messages
        assert "embedding_dims is 512" in said
        assert f"{NATIVE_DIMS} is used" in said

    @pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.rigid])
    def test_a_model_that_cannot_be_shortened_is_asked_without(
        self, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        case = CASES[name]
        assert case.rigid is not None
        with serving(case.rigid()) as server, caplog.at_level(logging.WARNING):
            embedder = Bench(case=case, server=server).embedder(embedding_dims=8)
            assert [len(vector) for vector in embedder.embed(["a"]) + embedder.embed(["b"])] == [NATIVE_DIMS] * 2
            assert len(server.requests) == 3
        assert [message.split(" ")[1] for message in caplog.messages] == ["refuses", "is"]


class TestWaiting:
    @pytest.mark.parametrize("name", ONE_OF_EACH_SDK)
    def test_the_next_attempt_comes_when_the_provider_said(self, name: str) -> None:
        case = CASES[name]
        with serving(case.server()) as server:
            server.faults = [Fault(status=429, headers={"Retry-After": "1.2"})]
            assert Bench(case=case, server=server).embedder(max_retries=1).embed(["a"])
            first, second = server.requests
            assert second.at_s - first.at_s >= 1.2


class TestKeys:
    @pytest.mark.parametrize("proxied", [False, True])
    @pytest.mark.parametrize("name", CASES)
    def test_a_key_of_the_environment_does_not_go_to_another_host(
        self, name: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in VARIABLES:
            monkeypatch.setenv(variable, f"secret-{variable}")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Door: secret-door")
        keyless = {} if "azure" in name else {"api_key": None}
        case = CASES[name]
        with serving(OllamaEmbeddings() if name == "ollama" else case.server()) as server:
            proxy = server.address if proxied else None
            assert Bench(case=case, server=server).embedder(**keyless, http_client_proxies=proxy).embed(["a"])
            assert not [value for value in server.requests[0].headers.values() if "secret" in value]
