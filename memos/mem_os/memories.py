"""MOS's calls about the memories that a cube keeps: one by its id, or all of them."""

from collections.abc import Iterable
from typing import Any

from memos.errors import NotFound
from memos.ids import CubeId
from memos.mem_os.activation import artefact_item
from memos.mem_os.core import Calls
from memos.mem_os.registry import TREE
from memos.mem_os.shelves import list_shelf
from memos.memories.textual.base import Given
from memos.memories.textual.item import TextualMemoryItem


class MemoryCalls(Calls):
    """Reading, changing and deleting what is there."""

    def get(self, mem_cube_id: str, memory_id: str, user_id: str | None = None) -> TextualMemoryItem:
        """One memory with its sources. Raises NotFound."""
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "read")
        return self._parts.registry.text_of(cube).get(memory)

    def history(
        self, memory_id: str, mem_cube_id: str | None = None, user_id: str | None = None
    ) -> list[TextualMemoryItem]:
        """A memory among those that it superseded and those that superseded it, oldest first, with their sources.

        Each but the last says with ``invalid_at`` until when it held. Without ``mem_cube_id`` in the user's first
        cube. Raises NotFound.
        """
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "read")
        return self._parts.registry.text_of(cube).history(memory)

    def get_all(self, mem_cube_id: str | None = None, user_id: str | None = None) -> dict[str, Any]:
        """Every memory of a cube, or of all the user's, and what is known of their KV states and adapters.

        ``memories`` is ``{"nodes": [...], "edges": [...]}``, or a list for an object of the application's own and for
        a cube that came from a directory without a graph.
        """
        self._require_text()
        access = self._parts.access
        cubes = access.readable_cubes(access.user(user_id), None if mem_cube_id is None else [mem_cube_id])
        artefacts = {cube: self._parts.artefacts.list_artefacts(self._parts.tenant, cube) for cube in cubes}
        return {
            "text_mem": [self._text_shelf(cube) for cube in cubes],
            "act_mem": [self._held_shelf(cube, "act_mem", map(artefact_item, artefacts[cube])) for cube in cubes],
            "para_mem": [self._held_shelf(cube, "para_mem", ()) for cube in cubes],
        }

    def update(
        self, mem_cube_id: str, memory_id: str, text_memory_item: Given, user_id: str | None = None
    ) -> TextualMemoryItem:
        """Replace a memory under its id: a text replaces the text, a mapping its fields, an item all but the id.

        Returns it with its next version. KV artefacts that hold the old text are removed. Raises NotFound.
        """
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "write")
        changed = self._parts.registry.text_of(cube).update(memory, text_memory_item)
        self._parts.artefacts.delete_derived(self._parts.tenant, cube, [memory])
        return changed

    def delete(self, mem_cube_id: str, memory_id: str, user_id: str | None = None) -> None:
        """Remove a memory for good, from graph, index and KV artefacts. Raises NotFound."""
        cube, memory = self._memory(mem_cube_id, memory_id, user_id, "write")
        self._parts.uses.forget(self._parts.tenant, cube, [memory])
        # The rest also when it was not there: an earlier call may have been killed at this place.
        found = self._parts.registry.text_of(cube).delete([memory])
        self._parts.artefacts.delete_derived(self._parts.tenant, cube, [memory])
        if not found:
            raise NotFound(f"cube {cube!r} has no memory {memory!r}")

    def delete_all(self, mem_cube_id: str, user_id: str | None = None) -> dict[str, int]:
        """Remove all that a cube remembers, its messages too; returns how much of what was removed.

        The cube stays, and so do its retention and its reading.
        """
        access, tenant = self._parts.access, self._parts.tenant
        cube = access.one_cube(access.user(user_id), mem_cube_id, "write")
        found = self._parts.registry.find_object(cube)
        if found is not None:
            return {"memories": self._parts.registry.text_of(cube).delete_all(), "messages": 0, "artefacts": 0}
        self._parts.uses.forget_cube(tenant, cube)
        counts = self._parts.stores.graph.delete_cube(tenant, cube, keep_settings=True)
        self._parts.stores.index.delete_cube(tenant, cube)
        artefacts = self._parts.artefacts.delete_cube(tenant, cube)
        return {"memories": counts.memories, "messages": counts.messages, "artefacts": artefacts}

    def _text_shelf(self, cube: CubeId) -> dict[str, Any]:
        if self._parts.registry.find_object(cube) is None and self._has_graph(cube):
            return list_shelf(self._parts.stores.graph, self._parts.tenant, cube)
        return {"cube_id": cube, "memories": self._parts.registry.text_of(cube).get_all()}

    def _held_shelf(self, cube: CubeId, kind: str, kept: Iterable[Any]) -> dict[str, Any]:
        return {"cube_id": cube, "memories": [*kept, *self._parts.registry.list_held(cube, kind)]}

    def _has_graph(self, cube: CubeId) -> bool:
        """Whether the cube is a tree as its owner knows it; in the tenant's stores every cube is one."""
        known = self._parts.access.users.find_cube(self._parts.tenant, cube)
        return known is None or known.config.get("text_backend", TREE.backend) == TREE.backend
