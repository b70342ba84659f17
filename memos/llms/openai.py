"""Language models behind OpenAI's chat protocol: OpenAI, Qwen, DeepSeek, vLLM, llama.cpp and whoever else speaks it."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

import openai
from openai import Stream
from pydantic import ValidationError

from memos.configs.llm import OpenAILLMConfig, OpenAIProtocolConfig
from memos.errors import Unavailable
from memos.llms.base import ChatMessages, OnUsage
from memos.llms.chat import wire_chat
from memos.llms.openai_client import (
    SDK_ERRORS,
    Endpoint,
    build_client,
    protocol_error,
    translate,
)
from memos.llms.openai_wire import Chunk, Completion, find_usage
from memos.llms.think import Part, say

logger = logging.getLogger(__name__)

# What a server may refuse without the question losing its sense.
_OPTIONAL: Final = ("response_format", "stream_options", "top_k", "top_p", "temperature")
_OPENAI_HOSTS: Final = ("openai.com", "openai.azure.com")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An open connection to one server, and whether it is of OpenAI's own kind."""

    client: openai.OpenAI
    endpoint: Endpoint
    is_openai: bool


class OpenAIProtocolLLM:
    """A chat model over HTTP. Thread-safe; connections are kept and reused, but the SDK closes each after a stream."""

    def __init__(self, config: OpenAIProtocolConfig, line: Line) -> None:
        self._config = config
        self._endpoint = line.endpoint
        self._client = line.client
        # OpenAI's newer models refuse max_tokens, other servers do not know its successor.
        self._limit = "max_completion_tokens" if line.is_openai else "max_tokens"
        self._refused: set[str] = {"top_k"} if line.is_openai else set()

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
        answer = self._ask(self._request(messages, json_schema), stream=False)
        try:
            completion = Completion.model_validate(answer)
        except ValidationError as error:
            raise self._unusable(answer) from error
        choice = completion.choices[0]
        self._note_end(choice.finish_reason, completion.usage, on_usage)
        return "".join(say([choice.message.part], keeps_thoughts=self._keeps_thoughts))

    def generate_stream(self, messages: ChatMessages, *, on_usage: OnUsage | None = None) -> Iterator[str]:
        return say(self._stream(messages, on_usage), keeps_thoughts=self._keeps_thoughts)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    @property
    def _keeps_thoughts(self) -> bool:
        return not self._config.remove_think_prefix

    def _stream(self, messages: ChatMessages, on_usage: OnUsage | None) -> Iterator[Part]:
        stream = self._ask(self._stream_request(messages, on_usage), stream=True)
        if not isinstance(stream, Stream):
            raise self._unusable(stream)
        reason = usage = None
        try:
            with stream:
                for sent in cast("Stream[object]", stream):
                    chunk = Chunk.model_validate(sent)
                    usage = chunk.usage or usage
                    for choice in chunk.choices[:1]:
                        reason = choice.finish_reason or reason
                        if choice.delta is not None:
                            yield choice.delta.part
        except SDK_ERRORS as error:
            raise translate(error, self._endpoint) from error
        if reason is None:
            raise protocol_error(self._endpoint, "a stream that stopped before its end")
        self._note_end(reason, usage, on_usage)

    def _ask(self, request: Mapping[str, Any], *, stream: bool) -> object:
        while True:
            body = {name: value for name, value in request.items() if name not in self._refused}
            # The SDK has no parameter for these.
            extra = {**({"top_k": body.pop("top_k")} if "top_k" in body else {}), **self._config.extras}
            try:
                return self._client.chat.completions.create(**body, extra_body=extra, stream=stream)
            except SDK_ERRORS as error:
                refused = _find_refused(error, [name for name in request if name not in self._refused])
                if refused is None:
                    raise translate(error, self._endpoint) from error
                logger.warning("%s refuses %s; asking without it from now on", self._endpoint.url, refused)
                self._refused.add(refused)

    def _stream_request(self, messages: ChatMessages, on_usage: OnUsage | None) -> dict[str, Any]:
        counted = {} if on_usage is None else {"stream_options": {"include_usage": True}}
        return {**self._request(messages, None), **counted}

    def _request(self, messages: ChatMessages, json_schema: Mapping[str, Any] | None) -> dict[str, Any]:
        config = self._config
        request: dict[str, Any] = {
            "model": config.model_name_or_path,
            "messages": wire_chat(messages),
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": config.top_k,
            self._limit: config.max_tokens,
        }
        if json_schema is not None:
            wanted = {"name": "answer", "strict": True, "schema": json_schema}
            request["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return request

    def _unusable(self, answer: object) -> Unavailable:
        return protocol_error(self._endpoint, f"{str(answer)[:200]!r} is not a chat completion")

    def _note_end(self, finish_reason: str | None, told: object, on_usage: OnUsage | None) -> None:
        if finish_reason == "length":
            logger.warning("the answer of %s was cut at max_tokens=%d", self.model, self._config.max_tokens)
        if on_usage is not None and (usage := find_usage(told)) is not None:
            on_usage(usage)


class OpenAILLM(OpenAIProtocolLLM):
    """A model of OpenAI, or of a server that speaks its protocol. Raises InvalidConfig when a key is missing."""

    def __init__(self, config: OpenAILLMConfig) -> None:
        endpoint = Endpoint(dependency="llm", url=config.url, timeout_s=config.timeout_s)
        client = build_client(
            endpoint,
            api_key=config.api_key,
            max_retries=config.max_retries,
            home=config.home,
            headers=config.headers,
        )
        super().__init__(config, Line(client=client, endpoint=endpoint, is_openai=_is_openai(endpoint.url)))


def _is_openai(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == known or host.endswith(f".{known}") for known in _OPENAI_HOSTS)


def _find_refused(error: Exception, sent: list[str]) -> str | None:
    """The optional parameter that a 400 or 422 complains of, if it was sent."""
    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return None
    names = [name for name in _OPTIONAL if name in sent]
    if error.param:
        return next((name for name in names if str(error.param).startswith(name)), None)
    return next((name for name in names if name in str(error.message)), None)
