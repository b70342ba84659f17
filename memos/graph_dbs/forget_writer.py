"""How a graph forgets what a user said in a cube, some messages a transaction, until there are none.

list_said ──> what rests on them, or follows one ──> loosen_memories ──> delete_messages ──┐
    ▲                                                                                      │
    └────────────────────────── while there may be more ───────────────────────────────────┘
"""

from collections.abc import Callable, Sequence

from memos.graph_dbs import rows as layout
from memos.graph_dbs.lane_writer import ROWS_PER_QUERY, Run
from memos.graph_dbs.message_rows import keys_around, said_parameters
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, MemoryId, MessageId, TenantId, UserId, storage_key
from memos.organize.forget import loosen
from memos.types import Memory

Transact = Callable[[Callable[[Run], int]], int]
"""Runs work in a transaction, several times if need be, and returns what it returned."""


class ForgetWriter:
    """Forgets the messages of one user in one cube."""

    def __init__(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> None:
        self._tenant = tenant
        self._cube = cube
        self._user = user
        self._now_ms = now_ms
        self._names = {"tenant": tenant, "cube": cube}

    def run(self, transact: Transact) -> int:
        """Forget all of them; returns how many there were."""
        total = 0
        while deleted := transact(self._forget_some):
            total += deleted
        return total

    def _forget_some(self, run: Run) -> int:
        wanted = said_parameters(self._tenant, self._cube, self._user, limit=ROWS_PER_QUERY)
        said = run("list_said", wanted)
        if not said:
            return 0
        self._loosen(run, said)
        keys = layout.keys_of(self._tenant, self._cube, [row["id"] for row in said])
        (found,) = run("delete_messages", {"keys": keys, **self._names})
        return int(found["deleted"])

    def _loosen(self, run: Run, said: Sequence[Row]) -> None:
        order_keys = keys_around(self._tenant, self._cube, said)
        found = run("find_resting", {"order_keys": order_keys, **self._names})
        memories = {memory.id: memory for memory in (layout.read_memory(row["memory"]) for row in found)}
        others = self._find_others(run, list(memories))
        gone = {MessageId(row["id"]) for row in said}
        changed = [self._loosened(memory, gone, others.get(memory.id, [])) for memory in memories.values()]
        rows = [layout.loosened_row(self._tenant, memory) for memory in changed]
        cube_key = storage_key(self._tenant, self._cube)
        run("loosen_memories", {"rows": rows, "cube_key": cube_key, "now_ms": self._now_ms, **self._names})

    def _find_others(self, run: Run, ids: Sequence[MemoryId]) -> dict[MemoryId, list[UserId]]:
        """Whose messages, but this user's, each memory rests on; the oldest message first."""
        keys = layout.keys_of(self._tenant, self._cube, ids)
        (found,) = run("find_sources", {"keys": keys, **self._names})
        others: dict[MemoryId, list[UserId]] = {}
        for memory, message in sorted(found["sources"], key=lambda pair: (pair[1]["said_at_ms"], pair[1]["seq"])):
            if message["user"] != self._user:
                others.setdefault(MemoryId(memory), []).append(UserId(message["user"]))
        return others

    def _loosened(self, memory: Memory, gone: set[MessageId], others: Sequence[UserId]) -> Memory:
        return loosen(memory, gone, others, user=self._user, now_ms=self._now_ms)
