"""The first tier: states in this process's memory, the least recently used dropped first."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from memos.kv.state import KVState


class RamTier:
    """Holds at most ``limit_bytes`` of states, by artefact id. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._states: OrderedDict[str, KVState] = OrderedDict()
        self._used_bytes = 0
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        """What the held states weigh."""
        return self._used_bytes

    def find(self, artefact_id: str) -> KVState | None:
        """The state, which then counts as just used; None when it is not held."""
        with self._lock:
            state = self._states.get(artefact_id)
            if state is not None:
                self._states.move_to_end(artefact_id)
            return state

    def put(self, artefact_id: str, state: KVState) -> None:
        """Hold a state, dropping others for it; one larger than the limit is not held."""
        size = state.size_bytes
        if size > self._limit_bytes:
            return
        with self._lock:
            self._drop_one(artefact_id)
            while self._used_bytes + size > self._limit_bytes:
                self._drop_one(next(iter(self._states)))
            self._states[artefact_id] = state
            self._used_bytes += size

    def drop(self, artefact_ids: Iterable[str]) -> None:
        """Forget states; an unknown id is no error."""
        with self._lock:
            for artefact_id in artefact_ids:
                self._drop_one(artefact_id)

    def _drop_one(self, artefact_id: str) -> None:
        state = self._states.pop(artefact_id, None)
        if state is not None:
            self._used_bytes -= state.size_bytes
