"""When is a child that died started again? Pure."""

from dataclasses import dataclass, replace
from typing import Final

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
# A child that lived this long was healthy; its next death is a first one.
HEALTHY_AFTER_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What the supervisor remembers of a child.

    starting ──probe passes──> up ──dies──> waiting ──retry_at_s──> starting
        └──────────── dies, or is not ready in time ──^
    """

    ready: bool = True
    failures: int = 0
    retry_at_s: float | None = None

    def after_death(self, *, now_s: float, lived_s: float) -> "Health":
        """Waiting, twice as long at every death in a row."""
        failures = 1 if lived_s >= HEALTHY_AFTER_S else self.failures + 1
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - 1, 16))
        return Health(ready=False, failures=failures, retry_at_s=now_s + delay_s)

    def after_start(self) -> "Health":
        """Starting: alive, not ready yet."""
        return replace(self, ready=False, retry_at_s=None)

    def after_ready(self) -> "Health":
        """Up; earlier failures count until it has lived for a while."""
        return replace(self, ready=True, retry_at_s=None)
