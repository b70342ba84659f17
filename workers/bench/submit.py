"""What a caller waits for: ``MemScheduler.submit`` beside ``apply_async``, the same payloads, in alternating rounds."""

from collections.abc import Sequence
from typing import Final

from memos.bench.timing import percentile_ms, timed_ms
from workers.bench.side import Job, Side

_ROUNDS: Final = 10
# Connections are opened and scripts loaded by these; not counted.
_FIRST: Final = 5


def measure_submit(ours: Side, bare: Side, jobs: Sequence[Job]) -> dict[str, float]:
    """Nobody works the jobs meanwhile: neither side's consumers compete for the cores."""
    ours_ms: list[float] = []
    bare_ms: list[float] = []
    for first in range(_ROUNDS):
        part = jobs[first::_ROUNDS]
        ours_ms += _send_all_ms(ours, part)
        bare_ms += _send_all_ms(bare, part)
    return {
        "submit_p50_ms": percentile_ms(ours_ms, 50),
        "submit_p99_ms": percentile_ms(ours_ms, 99),
        "celery_submit_p50_ms": percentile_ms(bare_ms, 50),
        "celery_submit_p99_ms": percentile_ms(bare_ms, 99),
    }


def _send_all_ms(side: Side, jobs: Sequence[Job]) -> list[float]:
    return [timed_ms(lambda job=job: side.send(job)) for job in jobs][_FIRST:]
