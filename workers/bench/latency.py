"""How long a single job waits: from before its submission to its start in a worker.

Rings are sent at fixed times, whatever became of the ones before: waiting for each would hide the worst of a queue.
"""

import time
from collections.abc import Sequence
from typing import Final

from workers.bench.bell import await_ring, open_gate
from workers.bench.floods import build_ring
from workers.bench.processes import CONCURRENCY
from workers.bench.side import Job, Side
from workers.bench.throughput import hold_workers

_INTERVAL_S: Final = 0.05
_READY_WITHIN_S: Final = 60.0
_START_WITHIN_S: Final = 300.0
_MOST_FLOODS: Final = 10


def wait_ready(side: Side) -> None:
    """Return when all of the workers have followed a hint."""
    side.send(build_ring("ready"))
    await_ring(within_s=_READY_WITHIN_S)
    hold_workers(side)
    open_gate(CONCURRENCY)
    side.wait_drained()


def measure_starts_ms(side: Side, count: int) -> list[float]:
    """One job after the other, with nothing else to do and a pause between them."""
    waits: list[float] = []
    for n in range(count):
        sent_s = _ring(side, str(n))
        _, started_s = await_ring(within_s=_START_WITHIN_S)
        waits.append((started_s - sent_s) * 1000)
        time.sleep(_INTERVAL_S)
    side.wait_drained()
    return waits


def measure_alone_ms(side: Side, count: int) -> list[float]:
    """Single jobs at fixed times, with nothing else to do."""
    sent = _ring_regularly(side, count)
    waits = [(started_s - sent[token]) * 1000 for token, started_s in _collect(count)]
    side.wait_drained()
    return waits


def measure_behind_flood_ms(side: Side, flood: Sequence[Job], count: int) -> list[float]:
    """Single jobs at fixed times from the moment the workers begin with the flood.

    Those sent after the flood's end do not count; floods follow each other until ``count`` do.
    """
    waits: list[float] = []
    for _ in range(_MOST_FLOODS):
        waits += _behind_one_flood_ms(side, flood, count)
        if len(waits) >= count:
            break
    return waits


def _behind_one_flood_ms(side: Side, flood: Sequence[Job], count: int) -> list[float]:
    hold_workers(side)
    for job in flood:
        side.send(job)
    open_gate(CONCURRENCY)
    sent = _ring_regularly(side, count)
    started = dict(_collect(count))
    ended_s = side.wait_drained(tenant=flood[0].tenant)
    side.wait_drained()
    return [(started[token] - sent_s) * 1000 for token, sent_s in sent.items() if sent_s < ended_s]


def _ring_regularly(side: Side, count: int) -> dict[str, float]:
    begun_s = time.monotonic()
    sent: dict[str, float] = {}
    for n in range(count):
        time.sleep(max(0.0, begun_s + n * _INTERVAL_S - time.monotonic()))
        sent[str(n)] = _ring(side, str(n))
    return sent


def _ring(side: Side, token: str) -> float:
    job = build_ring(token)
    sent_s = time.time()
    side.send(job)
    return sent_s


def _collect(count: int) -> list[tuple[str, float]]:
    return [await_ring(within_s=_START_WITHIN_S) for _ in range(count)]
