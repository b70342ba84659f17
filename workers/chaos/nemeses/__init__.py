"""The faults, one class each, and the table of their names."""

from collections.abc import Callable, Mapping
from typing import Final

from memos.errors import InvalidRequest
from workers.chaos.nemeses import clocks, hints, network, processes, provider
from workers.chaos.nemeses.base import Nemesis
from workers.chaos.redis_clock import find_faketime

REDIS_CLOCK_STEP: Final = "redis_clock_step"
NEMESES: Final[Mapping[str, Callable[[], Nemesis]]] = {
    "kill_worker": processes.KillWorker,
    "kill_child": processes.KillChild,
    "kill_between_stores": processes.KillBetweenStores,
    "kill_during_llm": processes.KillDuringLLM,
    "kill_before_commit": processes.KillBeforeCommit,
    "kill_dispatcher": processes.KillDispatcher,
    "pause_worker": processes.PauseWorker,
    "rolling_restart": processes.RollingRestart,
    "kill_redis": network.KillRedis,
    "redis_blackhole": network.RedisBlackhole,
    "neo4j_away": network.Neo4jAway,
    "milvus_away": network.MilvusAway,
    "drop_hints": hints.DropHints,
    "duplicate_hints": hints.DuplicateHints,
    "slow_llm": provider.SlowLLM,
    "failing_llm": provider.FailingLLM,
    "storm_llm": provider.StormLLM,
    "clock_step": clocks.ClockStep,
    REDIS_CLOCK_STEP: clocks.RedisClockStep,
}


def list_at_hand() -> tuple[str, ...]:
    """The faults that can be made on this machine."""
    missing = () if find_faketime() else (REDIS_CLOCK_STEP,)
    return tuple(name for name in NEMESES if name not in missing)


def make_nemesis(name: str) -> Nemesis:
    """A fresh one. Raises InvalidRequest, listing the known names."""
    if name not in NEMESES:
        raise InvalidRequest(f"no nemesis {name!r}; known: {', '.join(NEMESES)}")
    return NEMESES[name]()
