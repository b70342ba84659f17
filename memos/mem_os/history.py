"""A session's own last turns: those already in the graph and, behind them, those still waiting in the mailbox."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memos.graph_dbs.base import GraphStore
from memos.ids import UserId
from memos.mem_scheduler.base import Scheduler
from memos.types import Lane, Role

_SHOWN: Final = (Role.USER, Role.ASSISTANT)
# How far back a session is looked through for what one of its users said.
MAX_LOOK: Final = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionHistory:
    """Reads what was said in a lane, whatever process accepted it.

    ``cleared_ms`` tells up to when a user has cleared her turns of a lane, if she has.
    """

    graph: GraphStore
    scheduler: Scheduler | None
    cleared_ms: Callable[[Lane, UserId], int | None]

    def last_turns(self, lane: Lane, user: UserId, *, limit: int) -> list[dict[str, str]]:
        """The last ``limit`` messages of this user's turns, oldest first, as a chat.

        What waits for a model to read it is in the mailbox and in the graph, and is told once.
        """
        if not limit:
            return []
        cleared_ms = self.cleared_ms(lane, user) or 0
        pending = [] if self.scheduler is None else self.scheduler.pending_payloads(lane)
        waiting = [turn for payload in pending if payload["user"] == user for turn in _turns_of(payload)]
        shown = _shown(waiting, cleared_ms)
        if len(shown) < limit:
            shown = [*self._stored(lane, user, cleared_ms, frozenset(waiting), limit=limit - len(shown)), *shown]
        return [{"role": str(turn.role), "content": turn.text} for turn in shown[-limit:]]

    def _stored(
        self, lane: Lane, user: UserId, cleared_ms: int, waiting: Collection["_Turn"], *, limit: int
    ) -> list["_Turn"]:
        """The user's last turns in the graph but those that wait. Others' may stand between: it looks farther then."""
        size = limit
        while True:
            found = self.graph.list_messages(lane.tenant, lane.cube, lane.session, limit=size)
            own = (_Turn(message.role, message.text, message.said_at_ms) for owner, message in found if owner == user)
            shown = _shown([turn for turn in own if turn not in waiting], cleared_ms)
            if len(shown) >= limit or len(found) < size or size >= MAX_LOOK:
                return shown
            size = min(size * 8, max(MAX_LOOK, limit))


@dataclass(frozen=True, slots=True)
class _Turn:
    role: str
    text: str
    said_at_ms: int


def _shown(turns: Sequence[_Turn], cleared_ms: int) -> list[_Turn]:
    return [turn for turn in turns if turn.role in _SHOWN and turn.said_at_ms > cleared_ms]


def _turns_of(payload: dict[str, Any]) -> list[_Turn]:
    return [_Turn(item["role"], item["content"], item["said_at_ms"]) for item in payload["messages"]]
