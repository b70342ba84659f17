"""Clocks that jump."""

from typing import Final

from workers.chaos.nemeses.base import Stage
from workers.chaos.redis_clock import SETTLE_S

_HOUR_S: Final = 3600


class ClockStep:
    """The clocks of clients and workers are an hour fast, then an hour slow, then right."""

    def inject(self, stage: Stage) -> None:
        """Forward, and after half of the time back."""
        stage.control.set_clock_error(_HOUR_S * 1000)
        stage.sleep_s(stage.away_s / 2)
        stage.control.set_clock_error(-_HOUR_S * 1000)

    def hold_s(self, stage: Stage) -> float:
        """The other half."""
        return stage.away_s / 2

    def heal(self, stage: Stage) -> str:
        """Right again."""
        stage.control.set_clock_error(0)
        return "an hour forward, two back, and right"


class RedisClockStep:
    """Redis's own clock is an hour fast, then right: leases end early, then lie in an impossible future."""

    def inject(self, stage: Stage) -> None:
        """Forward."""
        stage.servers.step_redis_clock(_HOUR_S)

    def hold_s(self, stage: Stage) -> float:
        """Long enough for leases, alarms and slots to be set by the wrong clock."""
        return max(stage.away_s / 2, 2 * SETTLE_S)

    def heal(self, stage: Stage) -> str:
        """Back, which is what hurts."""
        stage.servers.step_redis_clock(0)
        stage.sleep_s(SETTLE_S)
        return "an hour forward and back"
