"""A server with a prefix cache, asked for one token so that it computes a prompt, and what it says about that."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memos.configs.llm import OpenAILLMConfig
from memos.errors import InvalidConfig
from memos.llms.base import ChatMessages
from memos.llms.openai_client import SDK_ERRORS, Endpoint, build_client, protocol_error, translate


@dataclass(frozen=True, kw_only=True, slots=True)
class Warmed:
    """Tokens of a prompt, and how many of them the server had already; None when it does not tell."""

    prompt_tokens: int
    cached_tokens: int | None


class PrefixServer:
    """A vLLM server by OpenAI's protocol. Thread-safe. Raises Unavailable, QuotaExceeded, InvalidRequest."""

    def __init__(self, config: OpenAILLMConfig) -> None:
        if config.api_base is None:
            raise InvalidConfig("extractor_llm needs api_base, the URL of a server with a prefix cache, up to /v1")
        self._model = config.model_name_or_path
        self._endpoint = Endpoint(dependency="llm", url=config.api_base, timeout_s=config.timeout_s)
        # Without the opening of an answer, the prompt is what every longer chat begins with.
        self._extras = {"add_generation_prompt": False, **config.extras}
        self._client = build_client(
            self._endpoint,
            api_key=config.api_key,
            max_retries=config.max_retries,
            home=config.home,
            headers=config.headers,
        )

    @property
    def model(self) -> str:
        return self._model

    @property
    def url(self) -> str:
        return self._endpoint.url

    def warm(self, messages: ChatMessages) -> Warmed:
        """Have the server compute this prompt, which puts it into its cache. Costs one prefill and one token."""
        try:
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=[dict(message) for message in messages],  # pyright: ignore[reportArgumentType]
                max_tokens=1,
                temperature=0,
                extra_body=self._extras,
            )
        except SDK_ERRORS as error:
            raise translate(error, self._endpoint) from error
        return self._measured(answer)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _measured(self, answer: object) -> Warmed:
        try:
            usage = _Answer.model_validate(answer).usage
        except ValidationError as error:
            raise protocol_error(self._endpoint, "an answer without usage.prompt_tokens") from error
        details = usage.prompt_tokens_details
        return Warmed(prompt_tokens=usage.prompt_tokens, cached_tokens=details.cached_tokens if details else None)


class _Wire(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _Details(_Wire):
    cached_tokens: int | None = Field(default=None, ge=0)


class _Usage(_Wire):
    prompt_tokens: int = Field(ge=1)
    prompt_tokens_details: _Details | None = None


class _Answer(_Wire):
    usage: _Usage
