"""Which jobs are sent."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from memos.bench.sentences import sentences
from workers.bench.side import Job


def build_flood(count: int, *, lanes: int, tenants: int = 1, name: str = "flood") -> list[Job]:
    """``count`` jobs that go round over ``lanes`` sessions, which are spread evenly over ``tenants``."""
    return [
        Job(tenant=f"{name}{n % lanes % tenants}", session=f"s{n % lanes}", payload=payload)
        for n, payload in enumerate(islice(payloads(), count))
    ]


def build_gates(workers: int) -> list[Job]:
    """One job for each worker, to keep it busy."""
    return [Job(tenant="gate", session=f"g{n}", payload={"gate": n}) for n in range(workers)]


def build_ring(token: str) -> Job:
    """A quiet tenant's single job."""
    return Job(tenant="quiet", session="s", payload={**next(payloads()), "ring": token})


def payloads() -> Iterator[Mapping[str, Any]]:
    """What an ``add`` of one message submits, about 100 bytes; the same stream each time."""
    return ({"messages": [{"role": "user", "content": text}]} for text in sentences())
