"""Language models behind an Ollama server, through its official SDK."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from memos.configs.llm import OllamaLLMConfig
from memos.configs.secret import reveal
from memos.llms.base import ChatMessages, OnUsage, Usage
from memos.llms.chat import wire_chat
from memos.llms.failures import Failure, call_again
from memos.llms.ollama_client import client_errors, explain, open_client
from memos.llms.openai_client import Endpoint, protocol_error, reveal_all
from memos.llms.think import Part, say

if TYPE_CHECKING:
    from ollama import ChatResponse

T = TypeVar("T")

logger = logging.getLogger(__name__)


class OllamaLLM:
    """A chat model over HTTP. Thread-safe; connections are kept and reused."""

    def __init__(self, config: OllamaLLMConfig) -> None:
        self._config = config
        self._endpoint = Endpoint(
            dependency="llm",
            url=config.url,
            timeout_s=config.timeout_s,
            missing=f"run: ollama pull {config.model_name_or_path}",
        )
        key = config.api_key or config.home.find_key(self._endpoint.url)
        self._client = open_client(self._endpoint, key=reveal(key) if key else None, headers=reveal_all(config.headers))

    @property
    def model(self) -> str:
        return self._config.model_name_or_path

    def generate(
        self,
        messages: ChatMessages,
        *,
        json_schema: Mapping[str, Any] | None = None,
        on_usage: OnUsage | None = None,
    ) -> str:
        request = self._request(messages)
        answer = self._repeat(lambda: self._client.chat(**request, format=_schema(json_schema), stream=False))
        self._note_end(answer, on_usage)
        return "".join(say([_part_of(answer)], keeps_thoughts=self._keeps_thoughts))

    def generate_stream(self, messages: ChatMessages, *, on_usage: OnUsage | None = None) -> Iterator[str]:
        return say(self._stream(messages, on_usage), keeps_thoughts=self._keeps_thoughts)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    @property
    def _keeps_thoughts(self) -> bool:
        return not self._config.remove_think_prefix

    def _stream(self, messages: ChatMessages, on_usage: OnUsage | None) -> Iterator[Part]:
        last = None
        for last in self._responses(self._request(messages)):
            yield _part_of(last)
        if last is None or not last.done:
            raise protocol_error(self._endpoint, "a stream that stopped before its end")
        self._note_end(last, on_usage)

    def _responses(self, request: Mapping[str, Any]) -> "Iterator[ChatResponse]":
        """The stream's responses. Nothing has been shown before the first, so until then it may be asked for again."""

        def begin() -> "tuple[list[ChatResponse], Iterator[ChatResponse]]":
            rest = iter(cast("Iterable[ChatResponse]", self._client.chat(**request, stream=True)))
            return list(islice(rest, 1)), rest

        first, rest = self._repeat(begin)
        yield from first
        try:
            yield from rest
        except client_errors() as error:
            raise self._explain(error).error from error

    def _repeat(self, call: Callable[[], T]) -> T:
        return call_again(call, self._explain, errors=client_errors(), max_retries=self._config.max_retries)

    def _explain(self, error: Exception) -> Failure:
        return explain(error, self._endpoint)

    def _request(self, messages: ChatMessages) -> dict[str, Any]:
        config = self._config
        options = {
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": config.top_k,
            "num_predict": config.max_tokens,
            "num_ctx": config.num_ctx,
        }
        return {
            "model": config.model_name_or_path,
            "messages": wire_chat(messages),
            "options": {name: value for name, value in options.items() if value is not None},
            "think": config.enable_thinking,
        }

    def _note_end(self, answer: "ChatResponse", on_usage: OnUsage | None) -> None:
        if answer.done_reason == "length":
            logger.warning("the answer of %s was cut at max_tokens=%d", self.model, self._config.max_tokens)
        if on_usage is not None and answer.eval_count is not None:
            # The server leaves the prompt's count out when it had computed all of it before.
            on_usage(Usage(prompt_tokens=answer.prompt_eval_count or 0, completion_tokens=answer.eval_count))


def _schema(json_schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if json_schema is None else dict(json_schema)


def _part_of(answer: "ChatResponse") -> Part:
    return Part(thought=answer.message.thinking or "", text=answer.message.content or "")
