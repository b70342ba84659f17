"""Providers as the doctor sees them, over real HTTP: there, with the wrong key, silent, away, without the model."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.llm import LLMConfigFactory, OpenAILLMConfig
from memos.local.checks import Check
from memos.local.providers.asking import ask_all
from memos.local.providers.check import check_providers
from memos.local.providers.environment import KNOWN
from memos.local.providers.finding import SILENT, TIMEOUT_S, Finding
from memos.local.providers.llm import look_up
from memos.local.providers.questions import Question
from memos.settings import Settings
from tests.support import embedding_server
from tests.support.embedding_server import AzureEmbeddings, Fault, OllamaEmbeddings, OpenAIEmbeddings
from tests.support.gemini_server import GeminiEmbeddings
from tests.support.ollama_server import OllamaServer
from tests.support.openai_server import OpenAIServer, Reply, answer, failure, models, serving
from tests.support.scripted_server import ScriptedServer, running

KEY = "sk-most-secret"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys of the developer's own nor a way out of this machine."""
    for name in (name for known in KNOWN for name in known.variables):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{closed_address()}")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as started:
        yield started


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as started:
        yield started


def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


def llm(url: str, model: str = "m", *, backend: str = "openai", **config: Any) -> dict[str, Any]:
    return {"backend": backend, "config": {"model_name_or_path": model, "api_base": url, "api_key": KEY, **config}}


def embedder(backend: str, **config: Any) -> dict[str, Any]:
    # No language model knows cache_size, so that the file cannot be taken for one of theirs.
    return {"backend": backend, "config": {"cache_size": 0, **config}}


def check_all(tmp_path: Path, *configs: dict[str, Any], settings: Settings | None = None) -> list[Check]:
    """The checks of files that hold these configurations, without those of the files themselves."""
    paths = [tmp_path / f"{number}.json" for number in range(len(configs))]
    for path, config in zip(paths, configs, strict=True):
        path.write_text(json.dumps(config))
    found = list(check_providers(settings or Settings(data_dir=tmp_path), paths))
    return [check for check in found if not (check.name.startswith("config ") and check.ok)]


def check(tmp_path: Path, config: dict[str, Any], **options: Any) -> Check:
    (only,) = check_all(tmp_path, config, **options)
    return only


def failed(found: Check) -> bool:
    return not found.ok and not found.is_warning and bool(found.advice)


def warned(found: Check) -> bool:
    return not found.ok and found.is_warning and bool(found.advice)


@pytest.mark.parametrize("backend", ["openai", "vllm", "deepseek", "qwen"])
def test_a_server_that_lists_the_model_is_there(tmp_path: Path, server: OpenAIServer, backend: str) -> None:
    server.replies = [models("other", "m")]
    found = check(tmp_path, llm(server.url, backend=backend, headers={"X-Team": "red"}))
    assert found.ok
    assert found.name == f"llm {backend}"
    assert found.detail == f"m at {server.url}: answers and lists the model (0.json)"
    assert server.paths == ["/v1/models"]
    assert (server.keys, server.headers[0]["x-team"]) == ([f"Bearer {KEY}"], "red")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_to_be_refused(tmp_path: Path, server: OpenAIServer, status: int) -> None:
    server.replies = [failure(status, f"Incorrect API key provided: {KEY}")]
    found = check(tmp_path, llm(server.url))
    assert failed(found)
    assert f"key refused ({status})" in found.detail
    assert "key" in found.advice
    assert KEY not in found.detail


def test_silent_servers_are_given_up_in_time_and_all_at_once(tmp_path: Path) -> None:
    with serving() as server, running(ScriptedServer()) as silent_ollama:
        server.replies = silent_ollama.replies = [Reply(hangs=True)]
        began_s = time.monotonic()
        found = check_all(
            tmp_path,
            llm(server.url),
            embedder("openai", base_url=server.url, api_key=KEY),
            llm(silent_ollama.url, backend="ollama"),
            embedder("ollama", api_base=silent_ollama.url),
        )
        took_s = time.monotonic() - began_s
    assert len(found) == 4
    assert all(failed(each) and f"no answer within {TIMEOUT_S:g} s" in each.detail for each in found)
    assert took_s < 2 * TIMEOUT_S


def test_a_provider_that_never_comes_back_holds_nothing_up() -> None:
    never = threading.Event()

    def ask() -> Finding:
        never.wait(30)
        return Finding(detail="late")

    question = Question(name="q", subject="", places=(), ask=ask, secrets=())
    began_s = time.monotonic()
    assert ask_all([question]) == [SILENT]
    assert time.monotonic() - began_s < 2 * TIMEOUT_S
    never.set()


def test_a_client_that_fails_in_a_way_of_its_own_is_a_finding() -> None:
    def ask() -> Finding:
        raise KeyError("embedding")

    (found,) = ask_all([Question(name="q", subject="", places=(), ask=ask, secrets=())])
    assert (found.ok, "KeyError" in found.detail) == (False, True)


@pytest.mark.parametrize("backend", ["openai", "ollama"])
def test_a_server_that_is_away_is_named_with_its_address(tmp_path: Path, backend: str) -> None:
    url = f"http://{closed_address()}"
    found = check(tmp_path, llm(url, backend=backend))
    assert failed(found)
    assert f"no connection to {url}" in found.detail
    assert "start the server" in found.advice


def test_a_model_that_a_strange_server_does_not_list_is_a_warning(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [models(*(f"m{n}" for n in range(9)))]
    found = check(tmp_path, llm(server.url))
    assert warned(found)
    assert "none of the 9" in found.detail
    assert "m0, m1, m2, m3, m4, ..." in found.advice


def test_a_model_that_the_provider_itself_does_not_list_is_a_failure() -> None:
    at_home = OpenAILLMConfig(model_name_or_path="gpt-5-mega")
    assert not look_up(at_home, ["gpt-5"]).is_warning
    assert look_up(at_home, ["gpt-5-mega"]).ok


def test_a_list_with_nothing_round_it_is_one_too(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [Reply(body='[{"id": "m"}]')]
    assert check(tmp_path, llm(server.url)).ok


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_a_list_one_token_is_asked_for(tmp_path: Path, server: OpenAIServer, status: int) -> None:
    server.replies = [failure(status), answer("o")]
    assert check(tmp_path, llm(server.url)).ok
    assert server.paths == ["/v1/models", "/v1/chat/completions"]
    assert server.requests[1]["max_tokens"] == 1


def test_a_page_in_the_place_of_the_list_is_an_address_without_v1(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [Reply(body="<html>Welcome</html>", headers={"Content-Type": "text/html"})]
    found = check(tmp_path, llm(server.url))
    assert failed(found)
    assert "/v1" in found.detail


def test_a_provider_in_trouble_is_quoted_without_the_key(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [failure(500, f"cannot route {KEY}")]
    found = check(tmp_path, llm(server.url.replace("//", "//ana:hidden@")))
    assert failed(found)
    assert "cannot route **********" in found.detail
    assert "its log" in found.advice
    assert "hidden" not in str(found)


def test_a_provider_that_limits_requests_is_there(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [failure(429, "You exceeded your current quota")]
    found = check(tmp_path, llm(server.url))
    assert warned(found)
    assert "exceeded your current quota" in found.detail


@pytest.mark.parametrize(
    ("reply", "words", "is_warning"),
    [
        (answer("o"), "answers", None),
        (failure(401), "key refused (401)", False),
        (failure(404, "DeploymentNotFound"), "DeploymentNotFound", False),
        (failure(400, "max_tokens was reached"), "not in one token", True),
    ],
)
def test_a_deployment_of_azure_is_asked_for_one_token(
    tmp_path: Path, server: OpenAIServer, reply: Reply, words: str, is_warning: bool | None
) -> None:
    server.replies = [reply]
    found = check(tmp_path, llm(server.url.removesuffix("/v1"), "chat-1", backend="azure"))
    assert words in found.detail
    assert (found.ok, found.is_warning) == (is_warning is None, bool(is_warning))
    assert server.paths[0].startswith("/openai/deployments/chat-1/chat/completions")


def test_ollama_is_asked_for_the_model_and_loads_nothing(tmp_path: Path, ollama: OllamaServer) -> None:
    chat, vectors = check_all(
        tmp_path,
        llm(ollama.url, "qwen3:0.6b", backend="ollama"),
        embedder("ollama", model="nomic-embed-text", api_base=ollama.url, api_key=KEY),
    )
    assert (chat.ok, vectors.ok) == (True, True)
    assert {ask.path for ask in ollama.asked} == {"/api/show"}
    assert [ask.headers["authorization"] for ask in ollama.asked] == [f"Bearer {KEY}"] * 2


def test_a_model_that_is_not_pulled_is_to_be_pulled(tmp_path: Path, ollama: OllamaServer) -> None:
    found = check(tmp_path, llm(ollama.url, "qwen3:8b", backend="ollama"))
    assert failed(found)
    assert found.advice == "ollama pull qwen3:8b"


def test_a_model_of_ollama_that_is_for_something_else_fails(tmp_path: Path, ollama: OllamaServer) -> None:
    chat, vectors = check_all(
        tmp_path,
        llm(ollama.url, "nomic-embed-text", backend="ollama"),
        embedder("ollama", model="qwen3:0.6b", api_base=ollama.url),
    )
    assert failed(chat)
    assert "not completion" in chat.detail
    assert failed(vectors)
    assert "not embedding" in vectors.detail


@pytest.mark.parametrize(("dims", "is_ok"), [(768, True), (512, False), (None, True)])
def test_the_length_of_ollamas_vectors_is_compared_without_making_one(
    tmp_path: Path, dims: int | None, is_ok: bool
) -> None:
    shown = {"capabilities": ["embedding"], "model_info": {"nomic-bert.embedding_length": 768}}
    with running(ScriptedServer()) as server:
        server.replies = [Reply(body=json.dumps(shown))]
        found = check(tmp_path, embedder("ollama", api_base=server.url, embedding_dims=dims))
    assert found.ok is is_ok
    assert is_ok or (warned(found) and "768" in found.advice)


def test_ollama_behind_a_proxy_is_asked_through_it(tmp_path: Path) -> None:
    with embedding_server.serving(OllamaEmbeddings()) as proxy:
        config = embedder("ollama", api_base="http://ollama.invalid", http_client_proxies=proxy.address)
        assert check(tmp_path, config).ok
        assert proxy.requests[0].target == "http://ollama.invalid/api/embed"


@pytest.mark.parametrize("backend", ["openai", "universal_api", "together", "lmstudio", "huggingface"])
def test_an_embedder_is_asked_for_one_vector(tmp_path: Path, backend: str) -> None:
    with embedding_server.serving(OpenAIEmbeddings()) as server:
        field = "huggingface_base_url" if backend == "huggingface" else "base_url"
        found = check(tmp_path, embedder(backend, model="e", api_key=server.key, **{field: server.url}))
        assert found.ok
        assert found.detail == f"e at {server.url}: answers with vectors of 24 numbers (0.json)"
        assert server.sent_texts == [["ok"]]


def test_vectors_of_another_length_than_expected_are_a_warning(tmp_path: Path) -> None:
    with embedding_server.serving(OpenAIEmbeddings(shortens=False)) as server:
        config = embedder("openai", api_key=server.key, base_url=server.url, embedding_dims=512)
        found = check(tmp_path, config)
    assert warned(found)
    assert "24 numbers where embedding_dims is 512" in found.detail


def test_an_embedders_refused_key_and_missing_model_are_told_apart(tmp_path: Path) -> None:
    with embedding_server.serving(OpenAIEmbeddings()) as server:
        assert "key refused (401)" in check(tmp_path, embedder("openai", api_key=KEY, base_url=server.url)).detail
        server.faults = [Fault(status=404, message="The model does not exist")]
        gone = check(tmp_path, embedder("openai", api_key=server.key, base_url=server.url))
    assert failed(gone)
    assert "The model does not exist" in gone.detail


def test_a_wrong_key_is_told_from_googles_status_400(tmp_path: Path) -> None:
    pytest.importorskip("google.genai")
    with embedding_server.serving(GeminiEmbeddings()) as server:
        assert check(tmp_path, embedder("gemini", base_url=server.address, api_key=server.key)).ok
        found = check(tmp_path, embedder("gemini", base_url=server.address, api_key=KEY))
    assert failed(found)
    assert "key refused" in found.detail


def test_models_of_this_process_are_looked_for_and_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("no weights")
    (tmp_path / "empty").mkdir()

    def local(path: Path | str) -> Check:
        return check(tmp_path, {"backend": "huggingface", "config": {"model_name_or_path": str(path), "top_p": 0.5}})

    assert local(tmp_path / "model").ok
    assert local("smollm2-135m").ok
    assert failed(local(tmp_path / "empty"))
    assert "no such directory" in local(tmp_path / "nowhere").detail
    assert check(tmp_path, embedder("sentence_transformer")).ok
    assert "multi-qa-MiniLM-L6-cos-v1: not on this machine" in check(tmp_path, embedder("huggingface")).detail


def test_aliases_count_as_models_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "qwen").mkdir()
    (tmp_path / "aliases.json").write_text('{"Qwen/Qwen3-0.6B": "qwen"}')
    settings = Settings(data_dir=tmp_path, model_aliases=tmp_path / "aliases.json")
    config = {"backend": "huggingface", "config": {"model_name_or_path": "Qwen/Qwen3-0.6B"}}
    assert f"at {tmp_path / 'qwen'}" in check(tmp_path, config, settings=settings).detail
    (tmp_path / "aliases.json").write_text("{")
    assert failed(check(tmp_path, config, settings=settings))


def test_a_provider_that_is_named_twice_is_asked_once(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [models("m")]
    reader = {"backend": "simple_struct", "config": {"llm": llm(server.url)}}
    found = check(tmp_path, {"chat_model": llm(server.url), "mem_reader": reader})
    assert found.detail.endswith("(0.json: chat_model, 0.json: mem_reader.config.llm)")
    assert len(server.paths) == 1


def test_providers_that_differ_in_their_key_are_asked_each(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [models("m")]
    found = check_all(tmp_path, llm(server.url), llm(server.url, api_key="sk-another"))
    assert len(found) == 2
    assert sorted(server.keys) == ["Bearer sk-another", f"Bearer {KEY}"]


def test_a_variable_that_is_not_set_is_named(tmp_path: Path, server: OpenAIServer) -> None:
    found = check(tmp_path, llm(server.url, api_key="env:NO_SUCH_KEY"))
    assert failed(found)
    assert "NO_SUCH_KEY is not set" in found.detail
    assert server.paths == []


def test_a_key_from_a_variable_is_sent_and_not_shown(
    tmp_path: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.replies = [failure(500, f"no {KEY}")]
    found = check(tmp_path, llm(server.url, api_key="env:TEST_KEY"))
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(found)


def test_the_readers_model_of_the_settings_is_asked(tmp_path: Path, server: OpenAIServer) -> None:
    server.replies = [models("m")]
    named = {"llm_base_url": server.url, "llm_model": "m", "llm_api_key": KEY}
    settings = Settings(data_dir=tmp_path, reader="simple_struct", **named)  # type: ignore[arg-type]
    first, *_ = check_providers(settings)
    assert first.ok
    assert "MEMOS_READER" in first.detail
    assert server.keys == [f"Bearer {KEY}"]
    unnamed, *_ = check_providers(Settings(data_dir=tmp_path, reader="simple_struct"))
    assert failed(unnamed)
    assert "MEMOS_LLM_MODEL" in unnamed.detail


def test_the_embedder_of_the_settings_file_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "embedder.json"
    with embedding_server.serving(OllamaEmbeddings()) as server:
        path.write_text(json.dumps({"provider": "ollama", "config": {"ollama_base_url": server.url}}))
        first, *_ = check_providers(Settings(data_dir=tmp_path, embedder_config=path))
    assert "MEMOS_EMBEDDER_CONFIG" in first.detail
    path.write_text("{")
    broken, *_ = check_providers(Settings(data_dir=tmp_path, embedder_config=path))
    assert failed(broken)
    assert "embedder.json" in broken.detail
    assert "MEMOS_EMBEDDER_CONFIG" in broken.advice


def by_name(tmp_path: Path) -> dict[str, Check]:
    return {found.name: found for found in check_providers(Settings(data_dir=tmp_path))}


def test_without_variables_every_known_provider_is_not_configured_and_none_fails(tmp_path: Path) -> None:
    found = by_name(tmp_path)
    assert set(found) == {f"provider {known.name}" for known in KNOWN}
    assert all(each.ok and "not configured" in each.detail for each in found.values())


def test_a_server_that_a_variable_names_is_asked(
    tmp_path: Path, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    found = by_name(tmp_path)["provider ollama"]
    assert found.ok
    assert "qwen3:0.6b" in found.detail
    assert "(OLLAMA_HOST)" in found.detail


def test_azures_embedder_is_asked_by_its_variables_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedding_server.serving(AzureEmbeddings()) as server:
        monkeypatch.setenv("EMBEDDING_AZURE_ENDPOINT", server.address)
        monkeypatch.setenv("EMBEDDING_AZURE_DEPLOYMENT", server.deployment)
        monkeypatch.setenv("EMBEDDING_AZURE_OPENAI_API_KEY", server.key)
        assert by_name(tmp_path)["provider azure embeddings"].ok
        monkeypatch.setenv("EMBEDDING_AZURE_OPENAI_API_KEY", KEY)
        assert "key refused (401)" in by_name(tmp_path)["provider azure embeddings"].detail


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_a_provider_that_only_a_variable_names_is_no_failure(
    tmp_path: Path, known: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in known.variables:
        monkeypatch.setenv(name, KEY if name in known.key_variables else f"http://{closed_address()}")
    found = by_name(tmp_path)[f"provider {known.name}"]
    assert warned(found)
    assert known.variables[0] in found.detail
    assert KEY not in str(found)


def test_a_key_without_its_endpoint_names_the_variable_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    found = by_name(tmp_path)["provider azure"]
    assert warned(found)
    assert "AZURE_OPENAI_ENDPOINT" in found.detail


def test_with_files_the_environment_is_left_alone(
    tmp_path: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", closed_address())
    server.replies = [models("m")]
    assert check(tmp_path, llm(server.url)).name == "llm openai"


def test_every_backend_has_a_question(tmp_path: Path) -> None:
    """With nobody there, each says what is wrong instead of raising."""
    away, own = f"http://{closed_address()}", {"model_name_or_path": "/nowhere"}
    urls = {"huggingface": {}, "huggingface_singleton": {}}
    for backend in LLMConfigFactory.known:
        config = {**own, "top_p": 0.5, **urls.get(backend, {"api_base": away, "api_key": KEY})}
        assert not check(tmp_path, {"backend": backend, "config": config}).ok, backend
    for backend in EmbedderConfigFactory.known:
        assert not check(tmp_path, embedder(backend, **_away(backend, away))).ok, backend


def _away(backend: str, url: str) -> dict[str, Any]:
    named: dict[str, dict[str, Any]] = {
        "sentence_transformer": {"model": "/nowhere"},
        "azure_openai": {"azure_kwargs": {"azure_endpoint": url, "api_key": KEY}},
        "ollama": {"api_base": url},
        "huggingface": {"huggingface_base_url": url},
        "universal_api": {"model": "e", "base_url": url, "api_key": KEY},
    }
    return named.get(backend, {"base_url": url, "api_key": KEY})
