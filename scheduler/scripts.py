"""The Lua scripts of ``scheduler/lua``: each runs as one atomic step, by EVALSHA, loaded again when Redis forgot it."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, cast

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, NoScriptError

from memos.errors import Unavailable
from scheduler.cluster import AWAY, Command, LazyCluster, pipe
from scheduler.connection import redis_guard, replicas_of

NAMES: Final = (
    "put", "take", "beat", "save_answers", "commit", "retry", "finish", "cancel", "look", "claim", "list", "pending",
    "replay", "drop", "dead", "expire", "contend", "overload", "reap", "snapshot",
    "stats", "roll_note", "roll_list", "throttle_acquire", "throttle_renew", "throttle_release", "throttle_read",
    "lead", "resign", "use_add",
)  # fmt: skip
Argument = str | int
Call = tuple[Sequence[str], Sequence[Argument]]
RAISE: Final = object()
# What `submit` runs: it may say "accepted" when the replicas have it.
_ACCEPTING: Final = frozenset({"put"})
_REPLICA_WAIT_MS: Final = 1000


class Scripts:
    """Runs scripts by name. Raises Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._cluster = redis if isinstance(redis, LazyCluster) else None
        self._replicas = replicas_of(redis)
        self._shas = {name: sha1(text.encode()).hexdigest() for name, text in load_texts().items()}  # noqa: S324

    def run(self, name: str, keys: Sequence[str], *args: Argument) -> Any:
        """One script, one round trip. What accepts a job waits for the replicas that the URL asks for."""
        call = self._call_and_wait if self._replicas and name in _ACCEPTING else self._call
        command = self._command(name, keys, args)
        with redis_guard():
            try:
                return call(command)
            except NoScriptError:
                _load(self._server_of(command.key))
                return call(command)

    def run_many(self, name: str, calls: Sequence[Call], *, away: object = RAISE) -> list[Any]:
        """One script for several sets of keys and arguments, in one round trip; the answers in order.

        On a cluster, ``away`` is the answer for keys whose node is away while others are not; without it that raises.
        """
        commands = [self._command(name, keys, args) for keys, args in calls]
        with redis_guard():
            answers = self._ask(commands)
            forgotten = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if forgotten:
                again = [commands[place] for place in forgotten]
                for server in {self._server_of(command.key) for command in again}:
                    _load(server)
                for place, answer in zip(forgotten, self._ask(again), strict=True):
                    answers[place] = answer
            return [_checked(answer, away) for answer in answers]

    def _command(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Command:
        return Command(key=keys[0], words=("EVALSHA", self._shas[name], len(keys), *keys, *args))

    def _call(self, command: Command) -> Any:
        return self._redis.execute_command(*command.words)

    def _call_and_wait(self, command: Command) -> Any:
        try:
            answer, holding = self._pipe_with_wait(command)
        except MovedError:
            cast(LazyCluster, self._cluster).refresh()
            answer, holding = self._pipe_with_wait(command)
        if holding < self._replicas:
            raise Unavailable(
                "redis",
                f"after {_REPLICA_WAIT_MS} ms {holding} of {self._replicas} replicas hold the job, so a failing master "
                "could lose it; repeat it with its idempotency key, and see why the replicas lag",
            )
        return answer

    def _pipe_with_wait(self, command: Command) -> tuple[Any, int]:
        # WAIT is about the writes of its own connection, hence one pipeline.
        pipeline = self._server_of(command.key).pipeline(transaction=False)
        pipeline.execute_command(*command.words)
        pipeline.execute_command("WAIT", self._replicas, _REPLICA_WAIT_MS)
        answer, holding = pipeline.execute()
        return answer, int(holding)

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        return pipe(self._redis, commands) if self._cluster is None else self._cluster.run_by_node(commands)

    def _server_of(self, key: str) -> Redis:
        return self._redis if self._cluster is None else self._cluster.server_of(key)


def _checked(answer: Any, away: object) -> Any:
    if answer is AWAY:
        if away is RAISE:
            raise RedisConnectionError("a node of the cluster does not answer")
        return away
    if isinstance(answer, Exception):
        raise answer
    return answer


def _load(server: Redis) -> None:
    for text in load_texts().values():
        server.script_load(text)


@cache
def load_texts() -> Mapping[str, str]:
    """The text of each script as Redis gets it: the common part, then its own."""
    folder = files("scheduler") / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    return {name: common + (folder / f"{name}.lua").read_text(encoding="utf-8") for name in NAMES}
