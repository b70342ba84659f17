"""``memos doctor`` as a process: what it exits with, and what it says about model providers."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos.local.providers.environment import KNOWN
from memos.settings import Settings
from tests.support.command import Finished, run_memos
from tests.support.ollama_server import OllamaServer
from tests.support.openai_server import OpenAIServer, failure, models, serving

pytestmark = pytest.mark.servers
# Without the packages' and models' checks being in doubt, these are all that the doctor needs to find nothing wrong.
TWINS = {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://"}
KEY = "sk-most-secret"

Doctor = Callable[..., Finished]


@pytest.fixture
def doctor(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The command in an installation where nothing else is wrong."""
    for name in (name for known in KNOWN for name in known.variables):
        monkeypatch.delenv(name, raising=False)
    servers = {**TWINS, "MEMOS_REDIS_URL": str(settings.redis_url)}
    return lambda *arguments, **variables: run_memos("doctor", *arguments, cwd=tmp_path, **servers, **variables)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as started:
        yield started


def write(path: Path, url: str) -> Path:
    config = {"model_name_or_path": "m", "api_base": url, "api_key": "env:TEST_KEY"}
    path.write_text(json.dumps({"chat_model": {"backend": "openai", "config": config}}))
    return path


def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


def states(finished: Finished) -> dict[str, tuple[bool, bool]]:
    return {check["name"]: (check["ok"], check["is_warning"]) for check in finished.json["checks"]}


def test_a_provider_of_a_file_that_answers_is_well(doctor: Doctor, server: OpenAIServer, tmp_path: Path) -> None:
    server.replies = [models("m")]
    told = doctor("--json", "--config", write(tmp_path / "mos.json", server.url), TEST_KEY=KEY)
    assert (told.code, told.json["ok"]) == (0, True)
    assert states(told)["llm openai"] == (True, False)
    assert server.keys == [f"Bearer {KEY}"]


def test_a_provider_of_a_file_that_refuses_the_key_is_a_failure(
    doctor: Doctor, server: OpenAIServer, tmp_path: Path
) -> None:
    server.replies = [failure(401, f"Incorrect API key provided: {KEY}")]
    told = doctor("--config", write(tmp_path / "mos.json", server.url), TEST_KEY=KEY)
    assert (told.code, told.err) == (1, "")
    assert "FAILED" in told.out
    assert "key refused" in told.out
    assert KEY not in told.out


def test_several_files_are_all_examined(doctor: Doctor, server: OpenAIServer, tmp_path: Path) -> None:
    server.replies = [models("m")]
    good, bad = write(tmp_path / "good.json", server.url), tmp_path / "bad.yaml"
    bad.write_text("chat_model: {backend: gpt}\n")
    told = doctor("--json", "--config", good, "--config", bad, "--config", "nowhere.json", TEST_KEY=KEY)
    assert told.code == 1
    assert "Traceback" not in told.err
    found = states(told)
    assert found["config good.json"] == found["llm openai"] == (True, False)
    assert found["config bad.yaml"] == found["config nowhere.json"] == (False, False)


def test_a_variable_that_a_file_needs_and_that_is_not_set_is_a_failure(
    doctor: Doctor, server: OpenAIServer, tmp_path: Path
) -> None:
    told = doctor("--json", "--config", write(tmp_path / "mos.json", server.url))
    (found,) = [check for check in told.json["checks"] if check["name"] == "llm openai"]
    assert (told.code, found["ok"]) == (1, False)
    assert "TEST_KEY is not set" in found["detail"]


def test_a_provider_that_only_a_variable_names_is_a_warning_and_no_failure(doctor: Doctor) -> None:
    away = {"OLLAMA_HOST": f"http://ana:hidden@{closed_address()}"}
    told = doctor("--json", **away)
    assert (told.code, told.json["ok"]) == (0, True)
    assert states(told)["provider ollama"] == (False, True)
    assert states(told)["provider openai"] == (True, False)
    shown = doctor(**away)
    assert "warning" in shown.out
    assert "hidden" not in shown.out + told.out


def test_a_provider_that_a_variable_names_and_that_answers_is_well(doctor: Doctor) -> None:
    with OllamaServer() as server:
        assert states(doctor("--json", OLLAMA_HOST=server.url))["provider ollama"] == (True, False)
