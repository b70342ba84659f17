"""What Redis did: commands that clients sent, commands inside scripts, its CPU time, its memory.

Redis counts a script's inner commands like any other, also in its clients' totals. So the commands that clients sent
are summed in two parts: all of a broker's clients, where kombu runs no scripts worth counting, and on the data plane
(database 0) those that never occur inside a script. The rest of all commands was inside scripts. Connections of the
benchmark itself, known by their name, count nowhere. Where our hints have a server of their own, it is added.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scheduler.connection import redis_guard
from workers.bench.bell import CLIENT_NAME

if TYPE_CHECKING:
    from redis import Redis

# All that the data plane's clients send in any number: scripts, and the dispatcher's wait for a signal.
_SENT_ON_DATA_PLANE: Final = ("evalsha", "blpop")
_DATA_PLANE: Final = "0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Totals since Redis started, but ``memory_bytes``, which is now. ``brokers`` and ``own`` are by client."""

    commands: int
    scripts_and_waits: int
    brokers: Mapping[str, int]
    own: Mapping[str, int]
    busy_s: float
    scripts_us: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What happened between two readings."""

    sent: int
    inner: int
    busy_us: float
    scripts_us: int


def read_meter(redis: "Redis", hints: "Redis | None" = None) -> Reading:
    """Ask Redis, and the broker of hints if that is another server.

    A client that has gone since is not in the answer: keep connections open between two readings.
    """
    data_plane = _read(redis, is_broker=lambda client: client["db"] != _DATA_PLANE)
    return data_plane if hints is None else _add(data_plane, _read(hints, is_broker=lambda _client: True))


def _read(redis: "Redis", *, is_broker: Callable[[Mapping[str, str]], bool]) -> Reading:
    with redis_guard():
        clients: list[dict[str, str]] = redis.client_list()
        figures = redis.info("everything")
    port = figures["tcp_port"]
    totals = {f"{port}-{client['id']}": (client, int(client["tot-cmds"])) for client in clients}
    own = {name: total for name, (client, total) in totals.items() if client["name"] == CLIENT_NAME}
    return Reading(
        commands=figures["total_commands_processed"],
        scripts_and_waits=sum(figures.get(f"cmdstat_{name}", {}).get("calls", 0) for name in _SENT_ON_DATA_PLANE),
        brokers={name: total for name, (client, total) in totals.items() if is_broker(client) and name not in own},
        own=own,
        busy_s=figures["used_cpu_user_main_thread"] + figures["used_cpu_sys_main_thread"],
        scripts_us=figures.get("cmdstat_evalsha", {}).get("usec", 0),
        memory_bytes=figures["used_memory"],
    )


def _add(one: Reading, other: Reading) -> Reading:
    return Reading(
        commands=one.commands + other.commands,
        scripts_and_waits=one.scripts_and_waits,  # on a broker they are among its clients' commands
        brokers={**one.brokers, **other.brokers},
        own={**one.own, **other.own},
        busy_s=one.busy_s + other.busy_s,
        scripts_us=one.scripts_us + other.scripts_us,
        memory_bytes=one.memory_bytes + other.memory_bytes,
    )


def build_usage(before: Reading, after: Reading) -> Usage:
    """The difference of two readings."""
    sent = after.scripts_and_waits - before.scripts_and_waits + _grown(before.brokers, after.brokers)
    others = after.commands - before.commands - _grown(before.own, after.own)
    return Usage(
        sent=sent,
        inner=max(0, others - sent),
        busy_us=(after.busy_s - before.busy_s) * 1e6,
        scripts_us=after.scripts_us - before.scripts_us,
    )


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    return sum(total - before.get(client, 0) for client, total in after.items())
