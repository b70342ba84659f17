"""Parts that are made when they are first needed, once, and closed together."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar, cast


class Closable(Protocol):
    """What holds connections."""

    def close(self) -> None: ...


T = TypeVar("T")
C = TypeVar("C", bound=Closable)


class MadeOnce:
    """Builds on demand, once, whichever thread asks first."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._open = ExitStack()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close what was made, the last first; a part that is asked for afterwards is made anew."""
        with self._lock:
            self._made.clear()
            self._open.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        made = self._made.get(name)
        if made is not None:
            return cast(T, made)
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return cast(T, self._made[name])

    def _closing(self, part: C) -> C:
        self._open.callback(part.close)
        return part
