"""What one MOS object counts: the uses of memories in the tenant's stores, wherever the counts are kept just now."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from memos.clock import Clock
from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.mem_cube.base import BaseMemCube
from memos.recall.fuse import Key
from memos.recall.use import UseCounts, count_at, level_of_use

log = logging.getLogger(__name__)

# So long no search asks for counts again that could not be had: a server that stays silent takes seconds to say so.
REST_S: Final = 10.0


class Uses:
    """Counts uses, and tells the counts as of now. Thread-safe.

    ``counts`` is asked for at each call; of cubes that are the application's own objects nothing is counted.
    """

    def __init__(
        self, counts: Callable[[], UseCounts], clock: Clock, find_object: Callable[[CubeId], BaseMemCube | None]
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._find_object = find_object
        self._rests_until_s = float("-inf")
        self._has_warned = False

    def note(self, tenant: TenantId, keys: Sequence[Key]) -> None:
        """Count one use of each memory. What cannot be counted is not, and only the first failure is logged."""
        counted = [(cube, memory) for cube, memory in keys if self._find_object(cube) is None]
        if not counted:
            return
        try:
            self._counts().add(tenant, counted, level_of_use(self._clock.now_ms()))
        except Unavailable as error:
            self._warn(error)
        else:
            self._has_warned = False

    def find(self, tenant: TenantId, keys: Sequence[Key]) -> dict[Key, float]:
        """The counts of those that were used. Raises Unavailable; within REST_S of that, at once."""
        if self._clock.monotonic_s() < self._rests_until_s:
            raise Unavailable("redis", f"it failed within the last {REST_S:g} s; what was used is not counted in")
        try:
            levels = self._counts().find(tenant, keys)
        except Unavailable:
            self._rests_until_s = self._clock.monotonic_s() + REST_S
            raise
        now_ms = self._clock.now_ms()
        return {key: count_at(level, now_ms) for key, level in levels.items()}

    def forget(self, tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        """Remove the counts of memories that are to be deleted. Raises Unavailable."""
        if self._find_object(cube) is None:
            self._counts().forget(tenant, cube, memories)

    def forget_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove the counts of all memories of a cube. Raises Unavailable."""
        self._counts().forget_cube(tenant, cube)

    def _warn(self, error: Unavailable) -> None:
        if not self._has_warned:
            log.warning("what chats use is not counted for now: %s", error)
        self._has_warned = True
