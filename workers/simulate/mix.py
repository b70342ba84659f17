"""Who the tenants are at a scale, and how often each class comes, so that workers are as busy as was asked. Pure."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from memos.bench.scale import Costs, Scale, TenantClass
from workers.simulate.world import Service

_S: Final = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Habit:
    name: str
    tenants_share: float
    jobs_share: float
    burst: int
    sessions: int


_HABITS: Final = (
    _Habit(name="quiet", tenants_share=0.9, jobs_share=0.20, burst=1, sessions=1),
    _Habit(name="normal", tenants_share=0.09, jobs_share=0.25, burst=2, sessions=2),
    _Habit(name="heavy", tenants_share=0.0099, jobs_share=0.35, burst=10, sessions=5),
    _Habit(name="whale", tenants_share=0.0001, jobs_share=0.20, burst=1_000, sessions=100),
)


def build_service(scale: Scale, costs: Costs) -> Service:
    """How long a worker is busy."""
    return Service(wake_s=costs.wake_ms * _S, call_s=scale.call_ms * _S, job_s=costs.job_ms * _S)


def build_classes(scale: Scale, service: Service) -> list[TenantClass]:
    """The classes, with as many jobs a second as make the workers busy for ``load`` of their time."""
    work_s = sum(habit.jobs_share * _work_s(habit, service) for habit in _HABITS)
    jobs_per_s = scale.load * scale.workers / work_s
    return [
        TenantClass(
            name=habit.name,
            tenants=max(1, round(scale.tenants * habit.tenants_share)),
            jobs_per_s=jobs_per_s * habit.jobs_share,
            burst=habit.burst,
            sessions=habit.sessions,
        )
        for habit in _HABITS
    ]


def _work_s(habit: _Habit, service: Service) -> float:
    """A worker's seconds for one job of a burst that finds its lanes empty."""
    lanes = min(habit.burst, habit.sessions)
    batches = ceil(habit.burst / lanes / service.max_jobs)
    wakes = ceil(batches / service.max_batches)
    return lanes * (wakes * service.wake_s + batches * service.call_s) / habit.burst + service.job_s
