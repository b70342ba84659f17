"""Time as a dependency, so that policies and tests do not read the wall clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall-clock milliseconds for records, monotonic seconds for durations."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...

    def sleep_s(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to, or when something sleeps on it."""

    def __init__(self, now_ms: int = 1_750_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._now_ms / 1000

    def sleep_s(self, seconds: float) -> None:
        self.advance_ms(round(seconds * 1000))

    def advance_ms(self, milliseconds: int) -> None:
        """Move the clock forward."""
        self._now_ms += milliseconds
