"""How the job path speaks to Redis: bounded waits, and one error that says what to do."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import NoBackoff
from redis.retry import Retry

from memos.errors import InvalidConfig, Unavailable
from memos.settings import Settings

# A connection costs at most one wait to connect and one to greet: silence is noticed within 4 s.
SOCKET_TIMEOUT_S: Final = 2.0
_IDLE_CHECK_S: Final = 30

_REFUSED: Final = (
    redis_errors.AuthenticationError,
    redis_errors.AuthenticationWrongNumberOfArgsError,
    redis_errors.AuthorizationError,
    redis_errors.NoPermissionError,
)
_SILENT: Final = (redis_errors.ConnectionError, redis_errors.TimeoutError)


def connect(url: str) -> Redis:
    """A client for ``url`` (redis://, rediss:// or unix://). Connects on first use. Raises InvalidConfig.

    A connection that broke is made anew once, so every call must bear being made twice; one that stays silent is
    given up, not repeated.
    """
    retry = Retry(NoBackoff(), 1, supported_errors=(redis_errors.ConnectionError,))
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            health_check_interval=_IDLE_CHECK_S,
            retry=retry,
        )
    except ValueError as error:
        raise InvalidConfig(f"redis_url cannot be used: {error}") from None


def require_redis_url(settings: Settings) -> str:
    """The data plane's URL. Raises InvalidConfig when none is known."""
    if settings.redis_url is None:
        raise InvalidConfig("redis_url is not set; start the local stack with `memos up -d` or set MEMOS_REDIS_URL")
    return settings.redis_url


@contextmanager
def redis_guard() -> Generator[None]:
    """Turn every failure of Redis into Unavailable."""
    try:
        yield
    except redis_errors.RedisError as error:
        raise Unavailable("redis", explain(error)) from error


def explain(error: redis_errors.RedisError) -> str:
    """What went wrong and what to do, without the URL's password."""
    if isinstance(error, _REFUSED):
        return f"it refused the user or password ({error}); check MEMOS_REDIS_URL"
    if isinstance(error, redis_errors.BusyLoadingError):
        return "it is still loading its data; try again in a moment"
    if isinstance(error, _SILENT):
        return f"{error}; is it running? Start `memos up` or check MEMOS_REDIS_URL"
    if isinstance(error, redis_errors.OutOfMemoryError):
        return "its memory is full, nothing was stored; raise maxmemory or let workers catch up"
    return f"it refused the command ({error}); look at its log"
