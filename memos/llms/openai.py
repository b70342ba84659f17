"""Language models behind OpenAI's chat protocol: OpenAI, vLLM, llama.cpp and whoever else speaks it."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

import openai
from openai import Stream
from pydantic import ValidationError

from memos.configs.llm import OpenAILLMConfig
from memos.errors import Unavailable
from memos.llms.base import ChatMessages
from memos.llms.openai_client import (
    OPENAI_URL,
    SDK_ERRORS,
    Endpoint,
    build_client,
    protocol_error,
    translate,
)
from memos.llms.openai_wire import Chunk, Completion
from memos.llms.think import ThinkFilter, strip_think
from memos.wellformed import well_formed

logger = logging.getLogger(__name__)

# What a server may refuse without the question losing its sense.
_OPTIONAL: Final = ("response_format", "top_k", "top_p", "temperature")
_OPENAI_HOSTS: Final = ("openai.com", "openai.azure.com")


class OpenAILLM:
    """A chat model over HTTP. Thread-safe; connections are kept and reused."""

    def __init__(self, config: OpenAILLMConfig) -> None:
        self._config = config
        self._endpoint = Endpoint(dependency="llm", url=config.api_base or OPENAI_URL, timeout_s=config.timeout_s)
        self._client = build_client(self._endpoint, api_key=config.api_key, max_retries=config.max_retries)
        self._refused: set[str] = {"top_k"} if _is_openai(self._endpoint.url) else set()

    @property
    def model(self) -> str:
        return self._config.model_name_or_path

    def generate(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None = None) -> str:
        answer = self._ask(messages, json_schema=json_schema, stream=False)
        try:
            choice = Completion.model_validate(answer).choices[0]
        except ValidationError as error:
            raise self._unusable(answer) from error
        self._note_length(choice.finish_reason)
        text = choice.message.text
        return strip_think(text) if self._config.remove_think_prefix else text

    def generate_stream(self, messages: ChatMessages) -> Iterator[str]:
        pieces = self._stream(messages)
        if not self._config.remove_think_prefix:
            yield from pieces
            return
        thoughts = ThinkFilter()
        yield from filter(None, (thoughts.feed(piece) for piece in pieces))
        if rest := thoughts.finish():
            yield rest

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _stream(self, messages: ChatMessages) -> Iterator[str]:
        stream = self._ask(messages, json_schema=None, stream=True)
        if not isinstance(stream, Stream):
            raise self._unusable(stream)
        reason = None
        try:
            with stream:
                for chunk in cast("Stream[object]", stream):
                    for choice in Chunk.model_validate(chunk).choices[:1]:
                        reason = choice.finish_reason or reason
                        if choice.delta is not None and choice.delta.text:
                            yield choice.delta.text
        except SDK_ERRORS as error:
            raise translate(error, self._endpoint) from error
        if reason is None:
            raise protocol_error(self._endpoint, "a stream that stopped before its end")
        self._note_length(reason)

    def _ask(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None, stream: bool) -> object:
        request = self._request(messages, json_schema)
        while True:
            body = {name: value for name, value in request.items() if name not in self._refused}
            top_k = {"top_k": body.pop("top_k")} if "top_k" in body else {}
            try:
                return self._client.chat.completions.create(**body, extra_body=top_k, stream=stream)
            except SDK_ERRORS as error:
                refused = _find_refused(error, [*body, *top_k])
                if refused is None:
                    raise translate(error, self._endpoint) from error
                logger.warning("%s refuses %s; asking without it from now on", self._endpoint.url, refused)
                self._refused.add(refused)

    def _request(self, messages: ChatMessages, json_schema: Mapping[str, Any] | None) -> dict[str, Any]:
        config = self._config
        # OpenAI's newer models refuse max_tokens, other servers do not know its successor.
        limit = "max_completion_tokens" if _is_openai(self._endpoint.url) else "max_tokens"
        request: dict[str, Any] = {
            "model": config.model_name_or_path,
            "messages": [{key: well_formed(value) for key, value in message.items()} for message in messages],
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": config.top_k,
            limit: config.max_tokens,
        }
        if json_schema is not None:
            wanted = {"name": "answer", "strict": True, "schema": json_schema}
            request["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return request

    def _unusable(self, answer: object) -> Unavailable:
        return protocol_error(self._endpoint, f"{str(answer)[:200]!r} is not a chat completion")

    def _note_length(self, finish_reason: str | None) -> None:
        if finish_reason == "length":
            logger.warning("the answer of %s was cut at max_tokens=%d", self.model, self._config.max_tokens)


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
