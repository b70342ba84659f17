"""What a job of the benchmark does, the same on both sides: nothing, tell of its start, or wait at a gate.

Payload: ``ring`` (a token) pushes token and time to a list; ``gate`` waits until somebody opens it. Other payloads are
no work at all.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from memos.errors import Unavailable
from memos.settings import load_settings
from scheduler.connection import connect, redis_guard, require_redis_url

if TYPE_CHECKING:
    from redis import Redis

# By this name the meter knows connections that belong to the benchmark itself.
CLIENT_NAME: Final = "memos-bench"
_RINGS: Final = "bench:rings"
_ARRIVED: Final = "bench:arrived"
_OPENED: Final = "bench:opened"
# Below the sockets' own patience.
_BLOCK_S: Final = 1
_GATE_WITHIN_S: Final = 120.0


def perform(payload: Mapping[str, Any]) -> None:
    """Do what the payload says, in a worker."""
    if "ring" in payload:
        at_ns = time.time_ns()
        own_redis().rpush(_RINGS, f"{payload['ring']} {at_ns}")
    elif "gate" in payload:
        own_redis().rpush(_ARRIVED, "1")
        _pop(_OPENED, within_s=_GATE_WITHIN_S)


def close_gate(workers: int, *, within_s: float) -> None:
    """Return when so many gate jobs have arrived: from now on no worker is free."""
    for _ in range(workers):
        _pop(_ARRIVED, within_s=within_s)


def open_gate(workers: int) -> float:
    """Let all gate jobs end; when, in seconds since the epoch."""
    own_redis().rpush(_OPENED, *("1" for _ in range(workers)))
    return time.time()


def await_ring(*, within_s: float) -> tuple[str, float]:
    """The next job that told of its start: its token, and when it was, in seconds since the epoch."""
    token, _, at_ns = _pop(_RINGS, within_s=within_s).partition(" ")
    return token, int(at_ns) / 1e9


@cache
def own_redis() -> "Redis":
    """The benchmark's own connection in this process, made when first asked for, and so after a fork."""
    return connect_named(require_redis_url(load_settings()))


@cache
def hints_redis() -> "Redis | None":
    """The same to the broker of our hints, where that is a server of its own."""
    url = load_settings().broker_url
    return None if url is None else connect_named(url)


def connect_named(url: str) -> "Redis":
    """A connection that the meter leaves out. Raises Unavailable."""
    redis = connect(url)
    with redis_guard():
        redis.client_setname(CLIENT_NAME)
    return redis


def _pop(key: str, *, within_s: float) -> str:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with redis_guard():
            popped = cast(tuple[str, str] | None, own_redis().blpop([key], timeout=_BLOCK_S))
        if popped is not None:
            return popped[1]
    raise Unavailable("bench", f"no job came to {key} within {within_s:g} s; see the logs of dispatcher and worker")
