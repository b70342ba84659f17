"""The official OpenAI SDK, with our keys, our time-outs and our errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import openai
from pydantic import SecretStr

from memos.configs.llm import Home, OpenAILLMConfig
from memos.configs.secret import reveal
from memos.errors import InvalidRequest, MemosError, QuotaExceeded, Unavailable
from memos.llms.ambient import withhold

OPENAI_HOME: Final = OpenAILLMConfig.home
OPENAI_URL: Final = OPENAI_HOME.url
# Servers without authentication get this: the SDK insists on a key, and ours must not go to a stranger.
_NO_KEY: Final = SecretStr("none")
_CONNECT_TIMEOUT_S: Final = 2.0
_DEFAULT_RETRY_AFTER_S: Final = 10.0
_SHOWN_CHARS: Final = 300
# 402 is DeepSeek's for an empty account: the same request works once somebody has paid.
_PASSING: Final = (402, 408, 409)

SDK_ERRORS: Final = (openai.OpenAIError, ValueError)
"""What a call may raise: the SDK's own errors, and those of parsers on a body that is not what it should be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A server, as errors name it: ``dependency`` is the part of ours that needs it, ``missing`` is for a 404."""

    dependency: str
    url: str
    timeout_s: float
    missing: str = "check the model's name and that the URL ends in /v1"


def build_client(
    endpoint: Endpoint,
    *,
    api_key: SecretStr | None,
    max_retries: int,
    home: Home = OPENAI_HOME,
    headers: Mapping[str, SecretStr] | None = None,
) -> openai.OpenAI:
    """A client that reads no key but the one given, or ``home``'s for ``home`` itself. Raises InvalidConfig."""
    found = api_key or home.find_key(endpoint.url) or _NO_KEY
    key = reveal(found) or _NO_KEY.get_secret_value()
    own = reveal_all(headers or {})
    return openai.OpenAI(
        api_key=key,
        base_url=endpoint.url,
        timeout=limit_time(endpoint),
        max_retries=max_retries,
        default_headers=own if OPENAI_HOME.owns(endpoint.url) else withhold({"Authorization": f"Bearer {key}"}, own),
        http_client=plain_connection(),
    )


def reveal_all(headers: Mapping[str, SecretStr]) -> dict[str, str]:
    """The configured headers as they are sent. Raises InvalidConfig."""
    return {name: reveal(value) for name, value in headers.items()}


def limit_time(endpoint: Endpoint) -> openai.Timeout:
    """A short time for the connection, the configured one for each silence after it."""
    return openai.Timeout(endpoint.timeout_s, connect=min(_CONNECT_TIMEOUT_S, endpoint.timeout_s))


def plain_connection() -> openai.DefaultHttpxClient:
    """Connections that follow no redirection: keys and headers stay with the host that they are for."""
    return openai.DefaultHttpxClient(follow_redirects=False)


def translate(error: Exception, endpoint: Endpoint) -> MemosError:
    """What an error of the SDK means for a caller."""
    if isinstance(error, openai.APITimeoutError):
        text = f"no answer from {endpoint.url} within {endpoint.timeout_s:g} s; check the server or raise timeout_s"
        return Unavailable(endpoint.dependency, text)
    if isinstance(error, openai.APIConnectionError):
        reason = error.__cause__ or error
        return Unavailable(endpoint.dependency, f"no connection to {endpoint.url} ({reason}); check that it runs")
    if isinstance(error, openai.APIStatusError):
        return _translate_status(error, endpoint)
    return protocol_error(endpoint, f"{type(error).__name__}: {error}"[:_SHOWN_CHARS])


def protocol_error(endpoint: Endpoint, what: str) -> Unavailable:
    """For an answer that is not of OpenAI's protocol, or only half of one."""
    return Unavailable(endpoint.dependency, f"{endpoint.url} answered what cannot be used: {what}")


def _translate_status(error: openai.APIStatusError, endpoint: Endpoint) -> MemosError:
    status = error.status_code
    if status in (401, 403):
        return Unavailable(endpoint.dependency, f"{endpoint.url} refused the API key ({status}); check api_key")
    if status == 429:
        wait_s = parse_retry_after(error.response.headers)
        return QuotaExceeded(f"{endpoint.url} limits requests; repeat after {wait_s:g} s", retry_after_s=wait_s)
    if 300 <= status < 400:
        target = error.response.headers.get("location", "another address")
        return InvalidRequest(
            f"{endpoint.url} answered {status} and points to {target}; configure that URL if it is right"
        )
    said = f"{endpoint.url} answered {status}: {error.message[:_SHOWN_CHARS]}"
    if status >= 500 or status in _PASSING:
        return Unavailable(endpoint.dependency, said)
    return InvalidRequest(f"{said}; {endpoint.missing}" if status == 404 else said)


def parse_retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait by a response's headers (RFC 9110, 10.2.3); a date counts from the response's own ``Date``."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_between(headers.get("date", ""), value)
    return seconds if 0 <= seconds < float("inf") else _DEFAULT_RETRY_AFTER_S


def _seconds_between(start: str, end: str) -> float:
    try:
        return (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds()
    except (TypeError, ValueError):
        return _DEFAULT_RETRY_AFTER_S
