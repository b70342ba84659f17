"""How a duration is taken and summarised."""

import time
from collections.abc import Callable, Sequence
from statistics import quantiles


def timed_ms(action: Callable[[], object]) -> float:
    """How long one call takes, in milliseconds."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def percentile_ms(values: Sequence[float], percent: int) -> float:
    """A percentile by linear interpolation, in the unit of the values, to three digits after the point."""
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 3)
