"""What a provider's failure means for a caller, and whether asking again may help.

For SDKs without retries of their own; the OpenAI SDK has its own, and memos/llms/openai_client.py its errors.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from memos.errors import InvalidRequest, MemosError, QuotaExceeded, Unavailable
from memos.llms.openai_client import Endpoint, parse_retry_after

T = TypeVar("T")

_LONGEST_WAIT_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_SHOWN_CHARS: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error as the caller will see it. ``wait_s`` is what the provider asked for."""

    error: MemosError
    passes: bool = False
    wait_s: float | None = None


def call_again(
    call: Callable[[], T],
    explain: Callable[[Exception], Failure],
    *,
    errors: tuple[type[Exception], ...],
    max_retries: int,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """``call``'s answer; one of ``errors`` is explained, and asked again at most ``max_retries`` times if it may pass.

    Between two calls it waits as long as the provider said, unless that is more than a minute.
    """
    attempt = 0
    while True:
        try:
            return call()
        except errors as error:
            failure = explain(error)
            wait_s = _wait(failure, attempt)
            if attempt >= max_retries or wait_s is None:
                raise failure.error from error
            attempt += 1
        pause(wait_s)


def _wait(failure: Failure, attempt: int) -> float | None:
    """Seconds until the next call, or None when there should be none."""
    if not failure.passes or (failure.wait_s or 0) > _LONGEST_WAIT_S:
        return None
    return min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S) if failure.wait_s is None else failure.wait_s


def explain_status(
    endpoint: Endpoint,
    *,
    status: int,
    said: str,
    headers: Mapping[str, str],
    credential: str = "api_key",
    missing: str = "check the model's name and the URL",
) -> Failure:
    """For an answer with an error status; ``missing`` is what to do about a 404."""
    if status in (401, 403):
        text = f"{endpoint.url} refused the credentials ({status}); check {credential}"
        return Failure(error=Unavailable(endpoint.dependency, text))
    if status == 429:
        return explain_limit(endpoint, parse_retry_after(headers), asked="retry-after" in headers)
    text = f"{endpoint.url} answered {status}: {said[:_SHOWN_CHARS]}"
    if status >= 500 or status in (408, 409):
        wait_s = parse_retry_after(headers) if "retry-after" in headers else None
        return Failure(error=Unavailable(endpoint.dependency, text), passes=True, wait_s=wait_s)
    return Failure(error=InvalidRequest(f"{text}; {missing}" if status == 404 else text))


def explain_limit(endpoint: Endpoint, wait_s: float, *, asked: bool) -> Failure:
    """For a 429; ``asked`` says whether the provider named the time."""
    text = f"{endpoint.url} limits requests; repeat after {wait_s:g} s"
    return Failure(error=QuotaExceeded(text, retry_after_s=wait_s), passes=True, wait_s=wait_s if asked else None)


def explain_timeout(endpoint: Endpoint) -> Failure:
    """For an answer that did not come."""
    text = f"no answer from {endpoint.url} within {endpoint.timeout_s:g} s; check the server or raise timeout_s"
    return Failure(error=Unavailable(endpoint.dependency, text), passes=True)


def explain_connection(endpoint: Endpoint, reason: object) -> Failure:
    """For a server that cannot be reached, or that hung up."""
    text = f"no connection to {endpoint.url} ({reason}); check that it runs"
    return Failure(error=Unavailable(endpoint.dependency, text), passes=True)
