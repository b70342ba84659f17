"""A session's own last turns: those already in the graph and, behind them, those still waiting in the mailbox."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memos.graph_dbs.base import GraphStore
from memos.ids import UserId
from memos.mem_scheduler.base import Scheduler
from memos.types import Lane, Role

_SHOWN = (Role.USER, Role.ASSISTANT)


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionHistory:
    """Reads what was said in a lane, whatever process accepted it.

    ``cleared_ms`` tells up to when a user has cleared her turns of a lane, if she has.
    """

    graph: GraphStore
    scheduler: Scheduler | None
    cleared_ms: Callable[[Lane, UserId], int | None]

    def last_turns(self, lane: Lane, user: UserId, *, limit: int) -> list[dict[str, str]]:
        """The last ``limit`` messages of this user's turns, oldest first, as a chat."""
        if not limit:
            return []
        pending = [] if self.scheduler is None else self.scheduler.pending_payloads(lane)
        stored = self.graph.list_messages(lane.tenant, lane.cube, lane.session, limit=limit)
        turns = [_Turn(message.role, message.text, message.said_at_ms) for owner, message in stored if owner == user]
        turns += [turn for payload in pending if payload["user"] == user for turn in _turns_of(payload)]
        cleared_ms = self.cleared_ms(lane, user) or 0
        shown = [turn for turn in turns if turn.role in _SHOWN and turn.said_at_ms > cleared_ms]
        return [{"role": str(turn.role), "content": turn.text} for turn in shown[-limit:]]


@dataclass(frozen=True, slots=True)
class _Turn:
    role: str
    text: str
    said_at_ms: int


def _turns_of(payload: dict[str, Any]) -> list[_Turn]:
    return [_Turn(item["role"], item["content"], item["said_at_ms"]) for item in payload["messages"]]
