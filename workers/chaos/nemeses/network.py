"""Servers that die, and networks that lose them."""

from typing import ClassVar, Final

from memos.local.servers import Server
from workers.chaos.nemeses.base import Lasting, Stage

_DOWN_S: Final = 1.0


class KillRedis:
    """kill -9 of Redis under load, and started again on its append-only file."""

    def inject(self, stage: Stage) -> None:
        """Down."""
        stage.servers.kill_redis()

    def hold_s(self, stage: Stage) -> float:
        """As long as a supervisor takes."""
        del stage
        return _DOWN_S

    def heal(self, stage: Stage) -> str:
        """Up, when it has read its file."""
        stage.servers.start_redis()
        return "killed valkey"


class RedisBlackhole(Lasting):
    """Connections to Redis stay open and nothing comes back; what was sent arrives in the end."""

    def inject(self, stage: Stage) -> None:
        """Silence."""
        stage.servers.proxy("redis").hold()

    def heal(self, stage: Stage) -> str:
        """The network carries on."""
        stage.servers.proxy("redis").let_pass()
        return f"silent for {stage.away_s:g} s"


class _Away(Lasting):
    """A server that resets every connection."""

    server: ClassVar[Server]

    def inject(self, stage: Stage) -> None:
        """Gone."""
        stage.servers.proxy(self.server).refuse()

    def heal(self, stage: Stage) -> str:
        """Back."""
        stage.servers.proxy(self.server).let_pass()
        return f"away for {stage.away_s:g} s"


class Neo4jAway(_Away):
    """The graph is away."""

    server = "graph"


class MilvusAway(_Away):
    """The index is away."""

    server = "index"
