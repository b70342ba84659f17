"""Who asks for what, and how long work takes. Everything random is drawn here, from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memos.bench.scale import TenantClass

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """How long a worker is busy, in seconds.

    A hint costs ``wake_s`` before its first job starts; a batch an exponential time of mean ``call_s`` (the model's or
    the stores' answer) and ``job_s`` for each of its jobs.
    """

    wake_s: float
    call_s: float
    job_s: float
    max_jobs: int = 16
    max_batches: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrivals:
    """Jobs in the order in which they come. ``lanes`` are unique over all tenants; ``classes`` index the classes."""

    at_s: Floats
    tenants: Ints
    lanes: Ints
    classes: Ints


def build_arrivals(classes: Sequence[TenantClass], *, horizon_s: float, seed: int) -> Arrivals:
    """Bursts come to each class as a Poisson process, each at a tenant drawn evenly: so every tenant's is one too.

    The jobs of a burst come at once and go round over the tenant's sessions from a random one on.
    """
    random = np.random.default_rng(seed)
    first_tenant = np.cumsum([0, *(one.tenants for one in classes)])
    first_lane = np.cumsum([0, *(one.tenants * one.sessions for one in classes)])
    parts = [
        _arrivals_of(one, number, int(first_tenant[number]), int(first_lane[number]), horizon_s, random)
        for number, one in enumerate(classes)
    ]
    at_s = np.concatenate([part.at_s for part in parts])
    order = np.argsort(at_s, kind="stable")
    return Arrivals(
        at_s=at_s[order],
        tenants=np.concatenate([part.tenants for part in parts])[order],
        lanes=np.concatenate([part.lanes for part in parts])[order],
        classes=np.concatenate([part.classes for part in parts])[order],
    )


def _arrivals_of(
    one: TenantClass, number: int, first_tenant: int, first_lane: int, horizon_s: float, random: np.random.Generator
) -> Arrivals:
    bursts = int(random.poisson(one.jobs_per_s / one.burst * horizon_s))
    tenants = np.repeat(random.integers(0, one.tenants, bursts), one.burst)
    sessions = np.repeat(random.integers(0, one.sessions, bursts), one.burst) + np.tile(np.arange(one.burst), bursts)
    return Arrivals(
        at_s=np.repeat(random.uniform(0, horizon_s, bursts), one.burst),
        tenants=tenants + first_tenant,
        lanes=tenants * one.sessions + sessions % one.sessions + first_lane,
        classes=np.full(bursts * one.burst, number),
    )


def draw_calls_s(service: Service, count: int, *, seed: int) -> Floats:
    """The time of each batch's call; as many as there can be batches."""
    return np.random.default_rng([seed, 1]).exponential(service.call_s, count)
