"""What every language model does: over real HTTP where there is a server, in this process where there is none."""

import json
import socket
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from memos.configs.llm import LLMConfigFactory
from memos.errors import InvalidRequest, QuotaExceeded, Unavailable
from memos.llms.base import MeteredLLM, Usage
from memos.llms.factory import BACKENDS, LLMFactory
from tests.support import ollama_replies, openai_server
from tests.support.model_server import CHAT_MODEL, KEY
from tests.support.ollama_server import OllamaServer
from tests.support.scripted_server import Reply, ScriptedServer, running

ASK = [{"role": "user", "content": "What is the capital of France?"}]
WRONG_CHATS = {
    '"hello"': "messages must be a list, not str",
    "[]": "at least one message",
    '["hello"]': r"messages\[0\] must be a mapping, not str",
    '[{"content": "hello"}]': r"messages\[0\].role must be a string, not NoneType",
    '[{"role": "user", "content": null}]': r"messages\[0\].content must be a string, not NoneType",
    '[{"role": "user", "content": "a", "name": 7}]': r"messages\[0\].name must be a string, not int",
}
SCHEMA = {
    "type": "object",
    "properties": {"inhabitants": {"type": "integer"}},
    "required": ["inhabitants"],
    "additionalProperties": False,
}
PROTOCOL = ("openai", "azure", "qwen", "deepseek", "vllm")
REMOTE = (*PROTOCOL, "ollama")
LOCAL = ("huggingface", "huggingface_singleton")
SECRETS = (
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "DASHSCOPE_API_KEY",
    "DEEPSEEK_API_KEY",
    "OLLAMA_API_KEY",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
)


def open_llm(backend: str, root: str, **changes: Any) -> MeteredLLM:
    """The backend with a server at ``root`` in the place of its own."""
    where: dict[str, Any] = {"api_base": f"{root}/v1"}
    if backend == "azure":
        where = {"base_url": root, "api_key": KEY}
    if backend == "ollama":
        where = {"api_base": root}
    remote = {"model_name_or_path": "qwen3:0.6b", "timeout_s": 30, "max_retries": 0, **where}
    values = {"model_name_or_path": CHAT_MODEL} if backend in LOCAL else remote
    return LLMFactory.from_config(
        LLMConfigFactory.model_validate({"backend": backend, "config": {**values, **changes}})
    )


def test_no_backend_is_left_out() -> None:
    assert set(BACKENDS.names) == {*REMOTE, *LOCAL}


@pytest.mark.models
@pytest.mark.parametrize("backend", [*REMOTE, *LOCAL])
class TestEveryBackendOverTheModel:
    @pytest.fixture(scope="class")
    def root(self) -> Generator[str]:
        with OllamaServer() as server:
            yield server.url

    def test_the_pieces_joined_are_the_answer(self, backend: str, root: str) -> None:
        llm = open_llm(backend, root, temperature=0, max_tokens=6)
        pieces = list(llm.generate_stream(ASK))
        assert len(pieces) > 3
        assert "".join(pieces) == llm.generate(ASK)
        assert "Paris" in "".join(pieces)

    def test_the_answer_is_as_long_as_it_may_be_and_its_cost_is_told(self, backend: str, root: str) -> None:
        told: list[Usage] = []
        llm = open_llm(backend, root, temperature=0, max_tokens=3)
        whole = llm.generate(ASK, on_usage=told.append)
        assert whole == "".join(llm.generate_stream(ASK, on_usage=told.append))
        assert told == [Usage(prompt_tokens=37, completion_tokens=3)] * 2

    def test_a_schema_is_told(self, backend: str, root: str) -> None:
        told: list[Usage] = []
        llm = open_llm(backend, root, temperature=0, max_tokens=2)
        answer = llm.generate(ASK, json_schema=SCHEMA, on_usage=told.append)
        if backend in LOCAL:  # nothing can force this model: the schema is in its prompt
            assert told[0].prompt_tokens > 60
        else:
            jsonschema.validate(json.loads(answer), SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A backend and a scripted server that speaks its protocol."""

    name: str
    server: ScriptedServer

    def open(self, **changes: Any) -> MeteredLLM:
        return open_llm(self.name, self.server.url, **{"timeout_s": 5, **changes})

    @property
    def is_ollama(self) -> bool:
        return self.name == "ollama"

    def will_say(self, *replies: Reply) -> None:
        self.server.replies = list(replies)

    def answer(self, text: str, *, thought: str | None = None, usage: tuple[int, int] | None = None) -> Reply:
        if self.is_ollama:
            return ollama_replies.answer(text, thought=thought, usage=_ollama_counts(usage))
        field = None if thought is None else {"reasoning_content": thought}
        return openai_server.answer(text, thought=field, usage=_openai_counts(usage))

    def stream(self, *pieces: str, is_whole: bool = True, usage: tuple[int, int] | None = None, **how: Any) -> Reply:
        """A piece that begins with ``?`` is a thought."""
        if self.is_ollama:
            parts = [{"content": "", "thinking": piece[1:]} if piece[0] == "?" else piece for piece in pieces]
            return ollama_replies.stream(*parts, done=is_whole, usage=_ollama_counts(usage), **how)
        parts = [{"reasoning_content": piece[1:]} if piece[0] == "?" else piece for piece in pieces]
        reason = "stop" if is_whole else None
        return openai_server.stream(*parts, finish_reason=reason, usage=_openai_counts(usage), **how)

    def failure(self, status: int, message: str = "no", **headers: str) -> Reply:
        say: Callable[..., Reply] = ollama_replies.failure if self.is_ollama else openai_server.failure
        return say(status, message, **headers)


def _ollama_counts(usage: tuple[int, int] | None) -> dict[str, int] | None:
    return None if usage is None else {"prompt_eval_count": usage[0], "eval_count": usage[1]}


def _openai_counts(usage: tuple[int, int] | None) -> dict[str, int] | None:
    return None if usage is None else {"prompt_tokens": usage[0], "completion_tokens": usage[1]}


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest) -> Generator[Remote]:
    with running(ScriptedServer()) as server:
        server.stream_type = "application/x-ndjson" if request.param == "ollama" else "text/event-stream"
        yield Remote(name=request.param, server=server)


class TestEveryRemoteBackend:
    def test_every_parameter_reaches_the_server(self, remote: Remote) -> None:
        remote.will_say(remote.answer("Four."))
        llm = remote.open(temperature=0.1, top_p=0.5, top_k=7, max_tokens=9, headers={"x-team": "memory"})
        assert llm.generate(ASK) == "Four."
        (sent,) = remote.server.requests
        told = sent.get("options", sent)
        limit = {"ollama": "num_predict", "azure": "max_completion_tokens"}.get(remote.name, "max_tokens")
        assert (sent["model"], sent["messages"]) == ("qwen3:0.6b", ASK)
        assert (told["temperature"], told["top_p"], told[limit]) == (0.1, 0.5, 9)
        assert told.get("top_k") == (None if remote.name == "azure" else 7)
        assert remote.server.headers[0]["x-team"] == "memory"

    def test_a_schema_is_sent(self, remote: Remote) -> None:
        remote.will_say(remote.answer("{}"))
        remote.open().generate(ASK, json_schema=SCHEMA)
        (sent,) = remote.server.requests
        assert (sent["format"] if remote.is_ollama else sent["response_format"]["json_schema"]["schema"]) == SCHEMA

    def test_a_piece_is_there_before_the_server_has_ended(self, remote: Remote) -> None:
        heard = threading.Event()
        remote.will_say(remote.stream("Fo", "ur.", waits_for=heard))
        pieces = remote.open().generate_stream(ASK)
        assert next(pieces) == "Fo"
        heard.set()
        assert list(pieces) == ["ur."]

    def test_one_connection_serves_all_calls(self, remote: Remote) -> None:
        remote.will_say(remote.answer("1"), remote.answer("2"), remote.stream("3", "4"))
        llm = remote.open()
        assert [llm.generate(ASK), llm.generate(ASK), *llm.generate_stream(ASK)] == ["1", "2", "3", "4"]
        assert remote.server.connections == 1

    def test_a_thought_before_the_answer_is_dropped_or_kept(self, remote: Remote) -> None:
        remote.will_say(remote.answer("<think>hm</think>\nFour."))
        assert remote.open().generate(ASK) == "Four."
        assert remote.open(remove_think_prefix=False).generate(ASK) == "<think>hm</think>\nFour."
        remote.will_say(remote.stream("<thi", "nk>h", "m</think>", "\n", "Fo", "ur."))
        assert list(remote.open().generate_stream(ASK)) == ["Fo", "ur."]

    def test_a_thought_beside_the_answer_is_dropped_or_kept(self, remote: Remote) -> None:
        remote.will_say(remote.answer("Four.", thought="hm"))
        assert remote.open().generate(ASK) == "Four."
        assert remote.open(remove_think_prefix=False).generate(ASK) == "<think>hm</think>Four."
        remote.will_say(remote.stream("?h", "?m", "Fo", "ur."))
        assert list(remote.open().generate_stream(ASK)) == ["Fo", "ur."]
        kept = list(remote.open(remove_think_prefix=False).generate_stream(ASK))
        assert kept == ["<think>h", "m", "</think>Fo", "ur."]

    def test_the_cost_is_told_once_at_the_end(self, remote: Remote) -> None:
        told: list[Usage] = []
        remote.will_say(remote.answer("Four.", usage=(11, 2)), remote.stream("Fo", "ur.", usage=(11, 3)))
        llm = remote.open()
        llm.generate(ASK, on_usage=told.append)
        pieces = llm.generate_stream(ASK, on_usage=told.append)
        next(pieces)
        assert told == [Usage(prompt_tokens=11, completion_tokens=2)]
        list(pieces)
        assert told[1:] == [Usage(prompt_tokens=11, completion_tokens=3)]

    def test_a_server_that_tells_no_cost_answers_all_the_same(self, remote: Remote) -> None:
        told: list[Usage] = []
        remote.will_say(remote.answer("Four."))
        assert remote.open().generate(ASK, on_usage=told.append) == "Four."
        assert told == []

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refused_key_is_said_to_be_refused(self, remote: Remote, status: int) -> None:
        remote.will_say(remote.failure(status, "sk-secret is wrong"))
        for ask in (_whole, _streamed):
            with pytest.raises(Unavailable, match=rf"refused .*\({status}\); check api_key") as caught:
                ask(remote.open())
            assert "sk-secret" not in str(caught.value)

    def test_a_limit_tells_how_long_to_wait(self, remote: Remote) -> None:
        remote.will_say(remote.failure(429, Retry_After="7"))
        for ask in (_whole, _streamed):
            with pytest.raises(QuotaExceeded) as caught:
                ask(remote.open())
            assert caught.value.retry_after_s == 7

    def test_a_repetition_waits_as_long_as_the_server_said(self, remote: Remote) -> None:
        for wanted, ask in ((remote.answer("Four."), _whole), (remote.stream("Four."), _streamed)):
            remote.will_say(remote.failure(429, Retry_After="0.3"), wanted)
            started = time.monotonic()
            assert ask(remote.open(max_retries=1)) == "Four."
            assert time.monotonic() - started >= 0.3
        assert len(remote.server.requests) == 4

    def test_a_wait_that_is_too_long_is_the_callers(self, remote: Remote) -> None:
        remote.will_say(remote.failure(429, Retry_After="300"))
        with pytest.raises(QuotaExceeded) as caught:
            remote.open(max_retries=1).generate(ASK)
        assert caught.value.retry_after_s == 300
        assert len(remote.server.requests) == 1

    def test_a_failing_server_is_unavailable(self, remote: Remote) -> None:
        remote.will_say(remote.failure(500, "boom"))
        for ask in (_whole, _streamed):
            with pytest.raises(Unavailable, match=r"answered 500: .*boom"):
                ask(remote.open())

    def test_a_failure_is_repeated_as_often_as_configured(self, remote: Remote) -> None:
        remote.will_say(remote.failure(500, Retry_After="0.01"), remote.answer("Four."))
        assert remote.open(max_retries=1).generate(ASK) == "Four."
        assert len(remote.server.requests) == 2

    def test_a_model_that_is_not_there_is_named_with_what_to_do(self, remote: Remote) -> None:
        remote.will_say(remote.failure(404, "no model qwen3:0.6b"))
        todo = {"ollama": "ollama pull qwen3:0.6b", "azure": "check the deployment 'qwen3:0.6b'"}
        with pytest.raises(InvalidRequest, match=f"no model.*{todo.get(remote.name, 'check the model')}"):
            remote.open().generate(ASK)

    def test_a_stream_that_stops_early_is_an_error_after_its_pieces(self, remote: Remote) -> None:
        for is_cut in (True, False):
            remote.will_say(remote.stream("Fo", is_whole=False, is_cut=is_cut))
            pieces = remote.open(max_retries=1).generate_stream(ASK)
            assert next(pieces) == "Fo"
            with pytest.raises(Unavailable, match="llm is unavailable"):
                next(pieces)

    def test_an_answer_that_stops_early_is_an_error(self, remote: Remote) -> None:
        remote.will_say(Reply(body=remote.answer("Four.").body, is_cut=True))
        with pytest.raises(Unavailable, match="llm is unavailable"):
            remote.open().generate(ASK)

    def test_a_silent_server_is_given_up_in_time(self, remote: Remote) -> None:
        remote.will_say(Reply(hangs=True))
        for ask in (_whole, _streamed):
            started = time.monotonic()
            with pytest.raises(Unavailable, match=r"no answer from .* within 0\.2 s"):
                ask(remote.open(timeout_s=0.2))
            assert time.monotonic() - started < 5

    def test_a_server_that_falls_silent_in_a_stream_is_given_up_in_time(self, remote: Remote) -> None:
        remote.will_say(remote.stream("Fo", is_whole=False, hangs=True))
        pieces = remote.open(timeout_s=0.3).generate_stream(ASK)
        assert next(pieces) == "Fo"
        with pytest.raises(Unavailable, match=r"within 0\.3 s"):
            next(pieces)

    def test_a_server_that_is_not_there_is_named(self, remote: Remote) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            root = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"no connection to {root}"):
            open_llm(remote.name, root).generate(ASK)

    @pytest.mark.parametrize("body", ["<html>login</html>", "{not json", "[]", "null", '"text"', "{}"])
    def test_what_is_not_an_answer_is_unavailable(self, remote: Remote, body: str) -> None:
        remote.will_say(Reply(body=body))
        with pytest.raises(Unavailable, match="answered what cannot be used"):
            remote.open().generate(ASK)

    @pytest.mark.parametrize("body", ["<html>login</html>", "[]", '"text"', "null", "{}"])
    def test_a_failure_of_any_form_is_told(self, remote: Remote, body: str) -> None:
        remote.will_say(Reply(status=503, body=body))
        with pytest.raises(Unavailable):
            remote.open().generate(ASK)

    def test_no_redirection_is_followed(self, remote: Remote) -> None:
        with running(ScriptedServer()) as other:
            remote.will_say(Reply(status=307, headers={"Location": f"{other.url}/v1/chat/completions"}))
            for ask in (_whole, _streamed):
                with pytest.raises(InvalidRequest, match="answered 307"):
                    ask(remote.open(headers={"x-secret": "s"}))
            assert other.requests == []

    def test_no_key_of_the_environment_goes_to_another_host(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in SECRETS:
            monkeypatch.setenv(name, f"secret-{name}")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Door: secret-1\nAuthorization: secret-2\napi-key: secret-3")
        remote.will_say(remote.answer("Four."))
        remote.open().generate(ASK)
        remote.open(api_key="own").generate(ASK)
        assert "secret-" not in str(remote.server.headers)
        own = "api-key" if remote.name == "azure" else "authorization"
        assert remote.server.headers[1][own] == ("own" if remote.name == "azure" else "Bearer own")

    def test_a_key_and_a_header_may_be_in_the_environment(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEST_LLM_KEY", "sk-7")
        monkeypatch.setenv("TEST_LLM_DOOR", "open")
        remote.will_say(remote.answer("Four."))
        remote.open(api_key="env:TEST_LLM_KEY", default_headers={"x-door": "env:TEST_LLM_DOOR"}).generate(ASK)
        (sent,) = remote.server.headers
        assert sent["x-door"] == "open"
        assert "sk-7" in sent["api-key" if remote.name == "azure" else "authorization"]

    def test_an_authorization_header_of_ones_own_goes_before_the_key(self, remote: Remote) -> None:
        remote.will_say(remote.answer("Four."))
        remote.open(headers={"Authorization": "Basic abc"}).generate(ASK)
        assert remote.server.keys == ["Basic abc"]

    @pytest.mark.parametrize("chat", WRONG_CHATS, ids=str)
    def test_what_is_no_chat_is_refused_before_it_is_sent(self, remote: Remote, chat: str) -> None:
        with pytest.raises(InvalidRequest, match=WRONG_CHATS[chat]):
            remote.open().generate(json.loads(chat))
        with pytest.raises(InvalidRequest, match=WRONG_CHATS[chat]):
            list(remote.open().generate_stream(json.loads(chat)))
        assert remote.server.requests == []

    def test_text_that_utf8_cannot_hold_is_sent_all_the_same(self, remote: Remote) -> None:
        remote.will_say(remote.answer("Four."))
        remote.open().generate([{"role": "user", "content": "a\ud800b"}])
        assert remote.server.requests[0]["messages"][0]["content"] == "a\ufffdb"


def _whole(llm: MeteredLLM) -> str:
    return llm.generate(ASK)


def _streamed(llm: MeteredLLM) -> str:
    return "".join(llm.generate_stream(ASK))
