"""What a Redis Cluster needs beyond redis-py's client: connecting late, and several commands in one go.

All keys of a script carry one hash tag (scheduler/keys.py), so each runs on one node, and a node that is away takes
only its own tenants with it: those of the others go on. For that the servers must allow it as well:
``cluster-require-full-coverage no``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Final

from redis import Redis
from redis import exceptions as redis_errors
from redis.cluster import ClusterNode, RedisCluster

# The answer of a node that does not answer.
AWAY: Final = object()
# For so long such a node is not asked again by `run_by_node`; a silent one for longer, since asking it takes time.
_AWAY_S: Final = 1.0
_SILENT_S: Final = 5.0
# A node that has just started knows for a while that it is in no cluster.
_ABSENT: Final = (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.ClusterDownError)
_MOVED: Final = (redis_errors.AskError, redis_errors.TryAgainError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command, and the key that says where it runs."""

    key: str
    words: tuple[str | int, ...]


class LazyCluster:
    """redis-py's cluster client, made on first use, since its constructor already asks the nodes."""

    def __init__(self, build: Callable[[], RedisCluster]) -> None:
        self._build = build
        self._lock = Lock()
        self._client: RedisCluster | None = None
        self._away_until_s: dict[str, float] = {}
        self.replicas = 0

    @property
    def client(self) -> RedisCluster:
        """The client. Raises what redis-py raises when no node answers."""
        with self._lock:
            if self._client is None:
                self._client = self._build()
            return self._client

    def __getattr__(self, name: str) -> Any:
        """Everything else is the client's."""
        return getattr(self.client, name)

    def close(self) -> None:
        """Close the connections, if there are any."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def server_of(self, key: str) -> Redis:
        """The node that has the key, as a client of its own."""
        return self.client.get_redis_connection(self._node_of(key))

    def refresh(self) -> None:
        """Ask again which node has what."""
        self.client.nodes_manager.initialize()

    def run_by_node(self, commands: Sequence[Command]) -> list[Any]:
        """Run each command on its node, one round trip a node; the answers in order.

        An answer may be an exception of redis-py, or AWAY. Raises redis-py's errors when every node is away.
        """
        answers: list[Any] = [AWAY] * len(commands)
        failure: Exception | None = None
        for node, places in self._group(commands):
            try:
                for place, answer in zip(places, self._ask(node, [commands[n] for n in places]), strict=True):
                    answers[place] = answer
            except _ABSENT as error:
                failure = error
                self._note_away(node, error)
        if failure is not None and all(answer is AWAY for answer in answers):
            raise failure
        return answers

    def _group(self, commands: Sequence[Command]) -> list[tuple[ClusterNode, list[int]]]:
        groups: dict[str, tuple[ClusterNode, list[int]]] = {}
        for place, command in enumerate(commands):
            node = self._node_of(command.key)
            groups.setdefault(node.name, (node, []))[1].append(place)
        return list(groups.values())

    def _node_of(self, key: str) -> ClusterNode:
        node = self.client.get_node_from_key(key)
        if node is None:
            raise redis_errors.SlotNotCoveredError(f"no node has the slot of {key!r}")
        return node

    def _ask(self, node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
        if monotonic() < self._away_until_s.get(node.name, 0):
            raise redis_errors.ConnectionError(f"{node.name} did not answer a moment ago")
        server = self.client.get_redis_connection(node)
        try:
            answers = pipe(server, commands)
        except redis_errors.ConnectionError:
            answers = pipe(server, commands)  # the server may have been restarted since the last call
        return [self._follow(command, answer) for command, answer in zip(commands, answers, strict=True)]

    def _follow(self, command: Command, answer: Any) -> Any:
        if isinstance(answer, _ABSENT):
            raise answer
        if not isinstance(answer, _MOVED):
            return answer
        try:
            return self.client.execute_command(*command.words)  # it knows how to follow, and learns from it
        except redis_errors.ResponseError as error:
            return error

    def _note_away(self, node: ClusterNode, error: Exception) -> None:
        if monotonic() < self._away_until_s.get(node.name, 0):
            return
        rest_s = _SILENT_S if isinstance(error, redis_errors.TimeoutError) else _AWAY_S
        self._away_until_s[node.name] = monotonic() + rest_s
        self.client.nodes_manager.initialize(last_failed_node_name=node.name)  # a replica may have its slots now


def pipe(server: Redis, commands: Sequence[Command]) -> list[Any]:
    """Run the commands on one server in one round trip; the answers in order, errors among them."""
    pipeline = server.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command.words)
    return pipeline.execute(raise_on_error=False)
