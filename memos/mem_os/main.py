"""MOS: what an application talks to.

app ── add ────> intake ──> scheduler (a worker does the work)   or at once, in this process
    ── search ─> access check ──> recall ──> items with sources
    ── chat ───> recall + history ──> model (with the cube's KV artefact) ──> add
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from memos import ids
from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidRequest, NotFound
from memos.ids import CubeId, MemoryId, UserId
from memos.mem_os.activation import list_artefacts
from memos.mem_os.chat import ChatStream
from memos.mem_os.intake import Added
from memos.mem_os.parts import Parts
from memos.mem_os.shelves import list_shelf, search_shelves
from memos.mem_user.records import Access as Right
from memos.mem_user.records import Role
from memos.memories.textual.item import MemoryItem, item_of_memory
from memos.memories.textual.payload import parse_messages, parse_text
from memos.settings import Settings, load_settings
from memos.types import Lane


class MOS:
    """The memory operating system of one tenant. Thread-safe; close it, or use it as a context manager.

    ``settings`` say where the servers are and which tenant this process acts for. Servers that are not configured
    are started on demand and live as long as the process.
    """

    def __init__(self, config: MOSConfig | None = None, *, settings: Settings | None = None) -> None:
        self.config = config or MOSConfig()
        self._parts = Parts(self.config, settings or load_settings())

    def __enter__(self) -> "MOS":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_user(self, user_id: str, role: Role | None = None, user_name: str | None = None) -> str:
        """Make a user of this tenant, a USER unless told otherwise; an existing one is left as it is.

        Raises InvalidRequest when it exists in another role than the one asked for.
        """
        user = ids.user_id(user_id)
        self._parts.access.users.create_user(self._parts.tenant, user, role=role, name=user_name or user)
        return user

    def create_cube_for_user(self, cube_name: str, owner_id: str, cube_id: str | None = None) -> str:
        """Make a cube for a user and return its id: ``cube_id``, else the cube's name."""
        owner = ids.user_id(owner_id)
        cube = ids.cube_id(cube_name if cube_id is None else cube_id)
        config = {"name": parse_text(cube_name, "cube_name")}
        self._parts.access.users.register_cube(self._parts.tenant, cube, owner=owner, config=config)
        return cube

    def share_cube_with_user(self, cube_id: str, target_user_id: str, user_id: str | None = None) -> None:
        """Let another user of the tenant read and write a cube of the caller's."""
        access = self._parts.access
        cube = access.one_cube(access.user(user_id), cube_id, "manage")
        access.users.grant(self._parts.tenant, cube, ids.user_id(target_user_id))

    def list_cubes(self, user_id: str | None = None) -> list[str]:
        """The ids of the user's own cubes, then of those shared with the user, the oldest first.

        These are what a call that names no cube works on: ``add`` and ``chat`` on the first, ``search`` on all.
        """
        access = self._parts.access
        return list(access.cubes_of(access.user(user_id)))

    def add(
        self,
        messages: Sequence[dict[str, Any]] | None = None,
        memory_content: str | None = None,
        *,
        user_id: str | None = None,
        mem_cube_id: str | None = None,
        session_id: str | None = None,
        idempotency_key: str | None = None,
        bulk: bool = False,
    ) -> Added:
        """Remember messages, or one text as if the user had said it.

        With the scheduler on this returns once the job is stored durably in Redis (one round trip); without it, when
        the memories can be found. A second call with one ``idempotency_key`` for the same user and cube within 24
        hours changes nothing and returns the first job's id. With ``bulk`` the job waits apart, behind everything that
        is not, and without an order to it: for imports; without the scheduler nothing waits, and it changes nothing.
        Raises QuotaExceeded, which says when to repeat, at a limit of the tenant; nothing was stored then.
        """
        if (messages is None) == (memory_content is None):
            raise InvalidRequest("give either messages or memory_content")
        given = messages if memory_content is None else [{"role": "user", "content": memory_content}]
        parsed = parse_messages(given, now_ms=self._parts.clock.now_ms())
        user, lane = self._lane(user_id, mem_cube_id, session_id)
        return self._parts.intake.add(replace(lane, bulk=bulk), user, parsed, idempotency_key)

    def wait(self, job_ids: Sequence[str], *, timeout_s: float = 60.0) -> list[Added]:
        """Wait for the end of queued adds, ``timeout_s`` seconds at most, and return what became of them."""
        if self._parts.scheduler is None:
            raise InvalidRequest("without the scheduler an add is done when it returns; there is nothing to wait for")
        records = self._parts.scheduler.wait(
            self._parts.tenant, [ids.JobId(job) for job in job_ids], timeout_s=timeout_s
        )
        return [Added(job_id=item.id, state=item.state, memory_ids=item.memory_ids) for item in records]

    def search(
        self,
        query: str,
        user_id: str | None = None,
        mem_cube_ids: Sequence[str] | None = None,
        top_k: int | None = None,
    ) -> dict[str, Any]:
        """The best memories of the user's own and shared cubes, or of those named, by cube and ranked across them.

        Returns ``{"text_mem": [{"cube_id", "memories": [item, ...]}], "act_mem": [], "para_mem": [], "degraded"}``;
        ``degraded`` names what could not be asked. Raises Unavailable rather than returning an empty list.
        """
        question = parse_text(query, "query")
        wanted = self.config.top_k if top_k is None else _positive(top_k, "top_k")
        access = self._parts.access
        cubes = access.readable_cubes(access.user(user_id), mem_cube_ids)
        result = self._parts.recall.search(self._parts.tenant, cubes, question, top_k=wanted)
        return search_shelves(cubes, result)

    def chat(
        self,
        query: str,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        mem_cube_id: str | None = None,
    ) -> str:
        """The whole answer to ``query``, with what is remembered; the turn is then added to the memory."""
        stream = self.chat_stream(query, user_id, session_id=session_id, mem_cube_id=mem_cube_id)
        return "".join(stream)

    def chat_stream(
        self,
        query: str,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        mem_cube_id: str | None = None,
        use_artefact: bool = True,
        remember: bool = True,
    ) -> ChatStream:
        """The answer in pieces as the model produces them; ``report`` then holds what was measured.

        ``use_artefact=False`` computes the whole prompt, for comparison; ``remember=False`` leaves the turn out of
        the memory.
        """
        question = parse_text(query, "query")
        user, lane = self._lane(user_id, mem_cube_id, session_id)
        cubes = self._parts.access.readable_cubes(user, None if mem_cube_id is None else [mem_cube_id])
        chatter = self._parts.chatter
        return chatter.stream(lane, user, cubes, question, use_artefact=use_artefact, remember=remember)

    def get(self, mem_cube_id: str, memory_id: str, user_id: str | None = None) -> MemoryItem:
        """One memory with its sources. Raises NotFound."""
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "read")
        graph = self._parts.stores.graph
        found = graph.find_memories(self._parts.tenant, cube, [memory])
        if memory not in found:
            raise NotFound(f"cube {cube!r} has no memory {memory!r}")
        sources = graph.find_sources(self._parts.tenant, cube, [memory])
        return item_of_memory(found[memory], sources.get(memory, ()))

    def get_all(self, mem_cube_id: str | None = None, user_id: str | None = None) -> dict[str, Any]:
        """Every memory of a cube, or of all the user's: ``memories`` is ``{"nodes": [...], "edges": [...]}``."""
        access = self._parts.access
        cubes = access.readable_cubes(access.user(user_id), None if mem_cube_id is None else [mem_cube_id])
        shelves = [list_shelf(self._parts.stores.graph, self._parts.tenant, cube) for cube in cubes]
        artefacts = list_artefacts(self._parts.artefacts, self._parts.tenant, cubes)
        return {"text_mem": shelves, "act_mem": artefacts, "para_mem": []}

    def delete(self, mem_cube_id: str, memory_id: str, user_id: str | None = None) -> None:
        """Remove a memory for good, from graph, index and KV artefacts. Raises NotFound."""
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "write")
        found = self._parts.stores.graph.delete_memories(self._parts.tenant, cube, [memory])
        # Also when it was not there: an earlier call may have been killed at this place.
        self._parts.stores.index.delete(self._parts.tenant, cube, [memory])
        self._parts.artefacts.delete_derived(self._parts.tenant, cube, [memory])
        if not found:
            raise NotFound(f"cube {cube!r} has no memory {memory!r}")

    def delete_all(self, mem_cube_id: str, user_id: str | None = None) -> dict[str, int]:
        """Remove all that a cube remembers, its messages too; returns how much of what was removed."""
        access, tenant = self._parts.access, self._parts.tenant
        cube = access.one_cube(access.user(user_id), mem_cube_id, "write")
        counts = self._parts.stores.graph.delete_cube(tenant, cube)
        self._parts.stores.index.delete_cube(tenant, cube)
        artefacts = self._parts.artefacts.delete_cube(tenant, cube)
        return {"memories": counts.memories, "messages": counts.messages, "artefacts": artefacts}

    def close(self) -> None:
        """Close connections. Servers started on demand stay until the process ends."""
        self._parts.close()

    def _lane(self, user_id: str | None, cube_id: str | None, session_id: str | None) -> tuple[UserId, Lane]:
        access = self._parts.access
        user = access.user(user_id)
        cube = access.one_cube(user, cube_id, "write")
        session = ids.session_id(self.config.session_id if session_id is None else session_id)
        return user, Lane(tenant=self._parts.tenant, cube=cube, session=session)

    def _memory(self, cube_id: str, memory_id: str, user_id: str | None, need: Right) -> tuple[CubeId, MemoryId]:
        access = self._parts.access
        return access.one_cube(access.user(user_id), cube_id, need), MemoryId(parse_text(memory_id, "memory_id"))


def _positive(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise InvalidRequest(f"{what} must be a whole number from 1 to 1000, not {value!r:.40}")
    return value
