"""How the job path speaks to Redis: one server, Sentinels or a cluster; bounded waits; one error that says what to do.

Replication is asynchronous: what a master has acknowledged can die with it. ``?replicas=N`` in the URL makes `submit`
wait until N replicas hold the job as well, in the same round trip. A job that they do not hold within a second raises
Unavailable and may be there all the same, as after any lost reply: repeat it with its idempotency key. Set
``min-replicas-to-write`` on the servers too, so that a master that was cut off stops taking jobs.
"""

import inspect
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, cast
from urllib.parse import urlencode

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from memos.errors import InvalidConfig, Unavailable
from memos.settings import Settings
from scheduler.cluster import LazyCluster
from scheduler.urls import Form, RedisUrl, parse_redis_url

# A connection costs at most one wait to connect and one to greet: silence is noticed within 4 s.
SOCKET_TIMEOUT_S: Final = 2.0
SENTINEL_TIMEOUT_S: Final = 0.5
_IDLE_CHECK_S: Final = 30
_BOUNDS: Final[Mapping[str, Any]] = {"socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": SOCKET_TIMEOUT_S}
# Options of a URL that are not redis-py's.
_OURS: Final = ("replicas", "sentinel_password", "db")

_REFUSED: Final = (
    redis_errors.AuthenticationError,
    redis_errors.AuthenticationWrongNumberOfArgsError,
    redis_errors.AuthorizationError,
    redis_errors.NoPermissionError,
)
_SILENT: Final = (redis_errors.ConnectionError, redis_errors.TimeoutError)
_LONELY: Final = "NOREPLICAS"


class DataPlane(Redis):
    """A client that says how many replicas must hold what is accepted."""

    replicas: int = 0


def connect(url: str) -> Redis:
    """A client for ``url`` (scheduler/urls.py has the forms). Connects on first use. Raises InvalidConfig.

    A connection that broke is made anew once, so every call must bear being made twice; one that stays silent is
    given up, not repeated.
    """
    parsed = parse_redis_url(url)
    options, replicas = _read_options(parsed), _count_replicas(parsed)
    if parsed.form is Form.CLUSTER:
        cluster = LazyCluster(lambda: _build_cluster(parsed, options))
        cluster.replicas = replicas
        return cast(Redis, cluster)  # it has the same commands
    client = _behind_sentinels(parsed, options) if parsed.form is Form.SENTINEL else _one_server(parsed, options)
    client.replicas = replicas
    return client


def replicas_of(client: Redis) -> int:
    """How many replicas must hold what is accepted through this client."""
    return client.replicas if isinstance(client, DataPlane | LazyCluster) else 0


def _one_server(parsed: RedisUrl, options: Mapping[str, Any]) -> DataPlane:
    if parsed.path:
        return DataPlane(unix_socket_path=parsed.path, **_login(parsed), **options)
    host, port = parsed.node
    return DataPlane(host=host, port=port, ssl=parsed.tls, **_login(parsed), **options)


def _behind_sentinels(parsed: RedisUrl, options: Mapping[str, Any]) -> DataPlane:
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinels = Sentinel(list(parsed.nodes), sentinel_kwargs=sentinel_options(parsed, tls))
    client = sentinels.master_for(parsed.service, redis_class=DataPlane, ssl=parsed.tls, **_login(parsed), **options)
    return cast(DataPlane, client)


def sentinel_options(parsed: RedisUrl, tls: Mapping[str, Any]) -> dict[str, Any]:
    """How the Sentinels themselves are asked: each once and briefly, for the next one knows as well."""
    return {
        "password": parsed.options.get("sentinel_password"),
        "ssl": parsed.tls,
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        **tls,
    }


def _build_cluster(parsed: RedisUrl, options: Mapping[str, Any]) -> RedisCluster:
    login = _login(parsed)
    del login["db"]
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in parsed.nodes],
        ssl=parsed.tls,
        require_full_coverage=False,
        **login,
        **options,
    )


def _login(parsed: RedisUrl) -> dict[str, Any]:
    return {"username": parsed.user, "password": parsed.password, "db": parsed.database}


def _read_options(parsed: RedisUrl) -> dict[str, Any]:
    given = {name: value for name, value in parsed.options.items() if name not in _OURS}
    unknown = sorted(set(given) - set(inspect.signature(Redis).parameters))
    if unknown:
        raise InvalidConfig(f"redis_url has an option {unknown[0]!r}, which redis-py does not know")
    try:
        # redis-py turns the texts into what its own parameters want.
        typed = {**parse_url(f"redis://x/?{urlencode(given)}")} if given else {}
    except ValueError as error:
        raise InvalidConfig(f"redis_url cannot be used: {error}") from None
    typed.pop("host", None)
    retry = Retry(NoBackoff(), 1, supported_errors=(redis_errors.ConnectionError,))
    return {"decode_responses": True, "health_check_interval": _IDLE_CHECK_S, "retry": retry, **_BOUNDS, **typed}


def _count_replicas(parsed: RedisUrl) -> int:
    text = parsed.options.get("replicas", "0")
    if not text.isdecimal():
        raise InvalidConfig(f"redis_url: replicas must be a whole number, not {text!r}")
    return int(text)


def require_redis_url(settings: Settings) -> str:
    """The data plane's URL. Raises InvalidConfig when none is known."""
    if settings.redis_url is None:
        raise InvalidConfig("redis_url is not set; start the local stack with `memos up -d` or set MEMOS_REDIS_URL")
    return settings.redis_url


def ask_redis(url: str) -> dict[str, str]:
    """The fields of INFO of the server, the master or one node of a cluster. Raises Unavailable and InvalidConfig."""
    with closing(connect(url)) as redis, redis_guard():
        fields = redis.info()
    return {name: str(value) for name, value in fields.items()}


@contextmanager
def redis_guard() -> Generator[None]:
    """Turn every failure of Redis into Unavailable."""
    try:
        yield
    except (redis_errors.RedisError, redis_errors.RedisClusterException) as error:
        raise Unavailable("redis", explain(error)) from error


def is_uncertified(text: str) -> bool:
    """Whether an error's text says that a server's certificate was not accepted."""
    return "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text


def explain(error: Exception) -> str:
    """What went wrong and what to do, without the URL's password."""
    text = str(error)
    if isinstance(error, _REFUSED):
        return f"it refused the user or password ({error}); check MEMOS_REDIS_URL"
    if is_uncertified(text):
        return (
            f"its certificate is not trusted ({error}); name the authority that signed it: "
            "MEMOS_REDIS_URL=rediss://...?ssl_ca_certs=/path/to/ca.pem"
        )
    if isinstance(error, redis_errors.BusyLoadingError):
        return "it is still loading its data; try again in a moment"
    if isinstance(error, _SILENT) or isinstance(error.__cause__, _SILENT):
        return f"{error}; is it running? Start `memos up` or check MEMOS_REDIS_URL"
    if isinstance(error, redis_errors.OutOfMemoryError):
        return "its memory is full, nothing was stored; raise maxmemory or let workers catch up"
    if _LONELY in text:
        return f"nothing was stored: fewer replicas are up than min-replicas-to-write asks for ({error})"
    if isinstance(error, redis_errors.ClusterDownError):
        return f"a part of the cluster has no master ({error}); try again in a moment"
    return f"it refused the command ({error}); look at its log"
