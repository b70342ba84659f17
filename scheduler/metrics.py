"""Prometheus metrics of the job path, made from Redis when they are asked for. No label is a tenant.

Whichever process is asked answers the same, but for ``memos_dispatcher_leader``, which is about the process itself.
When Redis is away there is ``memos_redis_up 0`` and nothing that could be taken for a measurement.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from memos.errors import Unavailable
from memos.types import FINAL_STATES, JobKind
from scheduler.keys import BUCKETS_MS, Queue
from scheduler.stats import Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_KINDS: Final = tuple((kind.value,) for kind in JobKind)
_QUEUES: Final = tuple((queue.value,) for queue in Queue)
_OUTCOMES: Final = tuple((kind.value, state.value) for kind in JobKind for state in sorted(FINAL_STATES))
_APPS: Final = ("memos-cpu", "memos-gpu")
_NONE: Final[tuple[tuple[str, ...], ...]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A counter: the fields that begin with ``field``, whose other parts are the labels' values.

    Those in ``always`` are shown from the start, at 0, so that the first event is a rise.
    """

    name: str
    help: str
    field: str
    labels: tuple[str, ...]
    always: tuple[tuple[str, ...], ...] = _NONE


COUNTERS: Final = (
    Counted(
        name="memos_jobs_accepted_total",
        help="Jobs accepted.",
        field="accepted",
        labels=("kind",),
        always=_KINDS,
    ),
    Counted(
        name="memos_jobs_total",
        help="Jobs that ended.",
        field="ended",
        labels=("kind", "outcome"),
        always=_OUTCOMES,
    ),
    Counted(
        name="memos_job_retries_total",
        help="Attempts of jobs that failed and will be repeated.",
        field="retries",
        labels=("kind", "error"),
    ),
    Counted(
        name="memos_job_replays_total",
        help="Dead jobs that were run again.",
        field="replayed",
        labels=("kind",),
        always=_KINDS,
    ),
    Counted(
        name="memos_worker_crashes_total",
        help="Jobs whose worker vanished.",
        field="crashes",
        labels=("kind",),
        always=_KINDS,
    ),
    Counted(
        name="memos_fenced_total",
        help="Steps refused because somebody newer had the lane.",
        field="fenced",
        labels=("step",),
    ),
    Counted(
        name="memos_hints_total",
        help="Hints sent to workers.",
        field="hints",
        labels=("queue",),
        always=_QUEUES,
    ),
    Counted(
        name="memos_rewakes_total",
        help="Lanes woken again because a hint or a worker got lost.",
        field="rewakes",
        labels=("queue",),
        always=_QUEUES,
    ),
    Counted(
        name="memos_refusals_total",
        help="Submissions refused for a limit.",
        field="refused",
        labels=("reason",),
    ),
    Counted(
        name="memos_degradations_total",
        help="Jobs done with less than was asked for.",
        field="degraded",
        labels=("what",),
    ),
    Counted(
        name="memos_overload_jobs_total",
        help="Jobs that a step of the overload ladder touched.",
        field="overload",
        labels=("step",),
    ),
)

HISTOGRAMS: Final = (
    ("memos_job_dwell_seconds", "From the time at which a job was due to its first start.", "dwell"),
    ("memos_job_run_seconds", "From a job's first start to its end.", "run"),
)

_PER_QUEUE: Final = (
    ("memos_lanes_ready", "Lanes that wait for a worker."),
    ("memos_oldest_ready_seconds", "How long the first of them has waited."),
    ("memos_lanes_in_flight", "Lanes with a hint out or a worker at them."),
    ("memos_tenants_waiting", "Tenants with work that is not in flight."),
)
_SINGLE: Final = (
    ("memos_dead_jobs", "Dead letters that nobody has dealt with."),
    ("memos_overload_level", "The step of the overload ladder, 0 for none."),
)
_PROVIDER_COUNTER: Final = "memos_provider_throttled_total"
_PER_PROVIDER: Final = (
    ("memos_provider_calls_in_flight", "Calls to a model provider that are being answered."),
    ("memos_provider_limit", "How many of them the provider seems to bear."),
)
_WORKERS: Final = "memos_workers_alive"
_LEADER: Final = "memos_dispatcher_leader"
_UP: Final = "memos_redis_up"

METRIC_NAMES: Final = frozenset(
    {
        *(counter.name for counter in COUNTERS),
        *(name for name, *_ in (*HISTOGRAMS, *_PER_QUEUE, *_SINGLE, *_PER_PROVIDER)),
        *(_PROVIDER_COUNTER, _WORKERS, _LEADER, _UP),
    }
)
"""Every name that is exported; of a histogram, without _bucket, _sum and _count."""


class Exposition(Collector):
    """Metrics from whatever ``read`` returns; it may raise Unavailable. ``leads`` is None outside a dispatcher."""

    def __init__(self, read: Callable[[], Reading], *, leads: Callable[[], bool] | None = None) -> None:
        self._read = read
        self._leads = leads

    def collect(self) -> Iterator[Metric]:
        if self._leads is not None:
            yield GaugeMetricFamily(_LEADER, "1 on the dispatcher that leads.", value=int(self._leads()))
        try:
            reading = self._read()
        except Unavailable:
            yield GaugeMetricFamily(_UP, "1 while Redis answers.", value=0)
            return
        yield GaugeMetricFamily(_UP, "1 while Redis answers.", value=1)
        yield from build_metrics(reading)

    def render(self) -> str:
        """In Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()


def build_metrics(reading: Reading) -> Iterator[Metric]:
    """A reading as metrics; pure."""
    counts = reading.counts
    yield from (_counter(counted, counts) for counted in COUNTERS)
    yield from (_histogram(name, text, field, counts) for name, text, field in HISTOGRAMS)
    yield from _queue_gauges(reading)
    for (name, text), value in zip(_SINGLE, (counts.get("dead|now", 0), reading.overload), strict=True):
        yield GaugeMetricFamily(name, text, value=value)
    yield from _provider_metrics(reading)
    known = dict.fromkeys(_APPS, 0) | dict(reading.workers)
    rows = (((app,), count) for app, count in sorted(known.items()))
    yield _gauge(_WORKERS, "Workers that have shown a sign of life lately.", ("app",), rows)


def _counter(counted: Counted, counts: Mapping[str, int]) -> Metric:
    found = {tuple(field.split("|")[1:]): value for field, value in counts.items() if _is_of(field, counted.field)}
    family = CounterMetricFamily(counted.name, counted.help, labels=counted.labels)
    for labels, value in sorted((dict.fromkeys(counted.always, 0) | found).items()):
        family.add_metric(labels, value)
    return family


def _is_of(field: str, name: str) -> bool:
    return field.partition("|")[0] == name


def _histogram(name: str, text: str, field: str, counts: Mapping[str, int]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("kind",))
    for kind in JobKind:
        family.add_metric(
            (kind.value,), buckets=_buckets(field, kind, counts), sum_value=counts.get(f"{field}_ms|{kind}", 0) / 1000
        )
    return family


def _buckets(field: str, kind: JobKind, counts: Mapping[str, int]) -> list[tuple[str, float]]:
    bounds = [*(str(bound / 1000) for bound in BUCKETS_MS), "+Inf"]
    total, buckets = 0, list[tuple[str, float]]()
    for place, bound in enumerate(bounds):
        total += counts.get(f"{field}|{kind}|{place}", 0)
        buckets.append((bound, total))
    return buckets


def _queue_gauges(reading: Reading) -> Iterator[Metric]:
    columns = {
        queue.value: (waits.ready, waits.oldest_ms / 1000, waits.in_flight, waits.tenants)
        for queue, waits in reading.backlog.items()
    }
    for place, (name, text) in enumerate(_PER_QUEUE):
        yield _gauge(name, text, ("queue",), (((queue,), values[place]) for queue, values in columns.items()))


def _provider_metrics(reading: Reading) -> Iterator[Metric]:
    refused = CounterMetricFamily(_PROVIDER_COUNTER, "Calls that a model provider refused.", labels=("provider",))
    for load in reading.providers:
        refused.add_metric((load.label,), load.throttled)
    yield refused
    for place, (name, text) in enumerate(_PER_PROVIDER):
        rows = (((load.label,), (load.in_flight, load.limit)[place]) for load in reading.providers)
        yield _gauge(name, text, ("provider",), rows)


def _gauge(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
