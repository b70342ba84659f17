"""A session's own last turns: those already in the graph and, behind them, those still waiting in the mailbox."""

from dataclasses import dataclass
from typing import Any

from memos.graph_dbs.base import GraphStore
from memos.ids import UserId
from memos.mem_scheduler.base import Scheduler
from memos.types import Lane, Role

_SHOWN = (Role.USER, Role.ASSISTANT)


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionHistory:
    """Reads what was said in a lane, whatever process accepted it."""

    graph: GraphStore
    scheduler: Scheduler | None

    def last_turns(self, lane: Lane, user: UserId, *, limit: int) -> list[dict[str, str]]:
        """The last ``limit`` messages of this user's turns, oldest first, as a chat."""
        pending = [] if self.scheduler is None else self.scheduler.pending_payloads(lane)
        stored = self.graph.list_messages(lane.tenant, lane.cube, lane.session, limit=limit)
        turns = [_turn(message.role, message.text) for owner, message in stored if owner == user]
        turns += [turn for payload in pending if payload["user"] == user for turn in _turns_of(payload)]
        return [turn for turn in turns if turn["role"] in _SHOWN][-limit:] if limit else []


def _turns_of(payload: dict[str, Any]) -> list[dict[str, str]]:
    return [_turn(item["role"], item["content"]) for item in payload["messages"]]


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": str(role), "content": text}
