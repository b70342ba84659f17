"""What was read a moment ago, so that an access check costs no query."""

import threading
from collections.abc import Callable, Hashable, Sized
from typing import Final, Generic, TypeVar

from memos.clock import Clock

TTL_S: Final = 2.0
MAX_KEPT: Final = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Sized)


class Recent(Generic[Key, Value]):
    """Values by key for 2 s. Empty ones are not kept, so that a new right counts at once. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._generation = 0

    def find(self, key: Key) -> Value | None:
        """The value, if it was loaded within the last 2 s and nothing was written since."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._clock.monotonic_s() < kept[0] else None

    def load(self, key: Key, read: Callable[[], Value]) -> Value:
        """Read the value and keep it, unless something was written while it was read."""
        began_in = self._generation
        value = read()
        with self._lock:
            if value and began_in == self._generation:
                if len(self._kept) >= MAX_KEPT:
                    self._kept.clear()
                self._kept[key] = (self._clock.monotonic_s() + TTL_S, value)
        return value

    def clear(self) -> None:
        """Forget everything, also what is being read at this moment."""
        with self._lock:
            self._generation += 1
            self._kept.clear()
