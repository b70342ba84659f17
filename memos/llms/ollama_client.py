"""The official Ollama SDK, with our keys, our time-outs and our errors."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Final

import httpx

from memos.errors import InvalidConfig
from memos.llms.failures import Failure, explain_connection, explain_status, explain_timeout
from memos.llms.openai_client import Endpoint, protocol_error

if TYPE_CHECKING:
    import ollama

_CONNECT_TIMEOUT_S: Final = 2.0
_SHOWN_CHARS: Final = 300


def open_client(endpoint: Endpoint, *, key: str | None, headers: Mapping[str, str]) -> "ollama.Client":
    """A client that follows no redirection and sends no key but the one given. Raises InvalidConfig without the SDK."""
    try:
        import ollama
    except ModuleNotFoundError:
        raise InvalidConfig("the backend 'ollama' needs the package 'ollama'; install it") from None

    return ollama.Client(
        host=endpoint.url,
        headers=dict(headers),
        auth=_OwnAuthorization(_choose_authorization(key, headers)),
        timeout=httpx.Timeout(endpoint.timeout_s, connect=min(_CONNECT_TIMEOUT_S, endpoint.timeout_s)),
        follow_redirects=False,
    )


def client_errors() -> tuple[type[Exception], ...]:
    """What a call may raise; the last three because the SDK takes any JSON that it gets for an object."""
    import ollama

    return (
        ollama.ResponseError,
        ollama.RequestError,
        httpx.HTTPError,
        ConnectionError,
        ValueError,
        TypeError,
        AttributeError,
    )


def explain(error: Exception, endpoint: Endpoint) -> Failure:
    """What an error of the SDK means for a caller."""
    import ollama

    if isinstance(error, ollama.ResponseError):
        return _explain_response(error, endpoint)
    if isinstance(error, httpx.TimeoutException):
        return explain_timeout(endpoint)
    if isinstance(error, httpx.HTTPError | ConnectionError):
        return explain_connection(endpoint, error.__context__ or error)
    return Failure(error=protocol_error(endpoint, f"{type(error).__name__}: {error}"[:_SHOWN_CHARS]))


def _explain_response(error: "ollama.ResponseError", endpoint: Endpoint) -> Failure:
    if error.status_code < 0:  # an error that came inside a stream, after its status
        return Failure(error=protocol_error(endpoint, str(error.error)[:_SHOWN_CHARS]))
    # The SDK drops the response; the error that it handled still has it.
    cause = error.__context__
    headers = cause.response.headers if isinstance(cause, httpx.HTTPStatusError) else {}
    said = str(error.error)
    return explain_status(endpoint, status=error.status_code, said=said, headers=headers, missing=endpoint.missing)


def _choose_authorization(key: str | None, headers: Mapping[str, str]) -> str | None:
    given = next((value for name, value in headers.items() if name.lower() == "authorization"), None)
    return given or (None if key is None else f"Bearer {key}")


class _OwnAuthorization(httpx.Auth):
    """Sends what was configured or nothing. The SDK alone would send OLLAMA_API_KEY to any server."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.pop("Authorization", None)
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization
        yield request
