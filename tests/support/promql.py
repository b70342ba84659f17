"""What a PromQL expression reads, and whether the exporter has such a thing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import promql_parser

from memos.types import FINAL_STATES, JobKind
from scheduler import stats
from scheduler.keys import Queue
from scheduler.metrics import COUNTERS, Exposition
from scheduler.throttle import Load
from scheduler.wakes import Backlog

# What Prometheus itself puts on a series.
_TARGET_LABELS: Final = frozenset({"job", "instance", "namespace", "pod"})
_VALUES: Final[dict[str, frozenset[str]]] = {
    "queue": frozenset(Queue),
    "kind": frozenset(JobKind),
    "outcome": frozenset(FINAL_STATES),
    "app": frozenset({"memos-cpu", "memos-gpu"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What an expression reads: its series with the label values that each must have, and the labels it groups by."""

    series: tuple[tuple[str, dict[str, str]], ...]
    labels: frozenset[str]


def list_exported() -> dict[str, frozenset[str]]:
    """Every series of the exporter with its labels: what a scrape shows when everything has happened once."""
    everything = stats.Reading(
        counts={"|".join((counted.field, *counted.labels)): 1 for counted in COUNTERS},
        backlog={queue: Backlog() for queue in Queue},
        overload=0,
        workers={},
        providers=[Load(label="provider", limit=1, in_flight=0, throttled=0)],
    )
    families = Exposition(lambda: everything, leads=lambda: True).collect()
    return {sample.name: frozenset(sample.labels) for family in families for sample in family.samples}


EXPORTED: Final = list_exported()


def read(expression: str) -> Reading:
    """Parse an expression. Raises ValueError when it is no PromQL."""
    nodes: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), lambda node: nodes.append(node))
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    return Reading(
        series=tuple((str(node.name), {one.name: one.value for one in node.matchers.matchers}) for node in selectors),
        labels=frozenset(label for node in nodes for label in _grouped(node)),
    )


def find_faults(expression: str) -> list[str]:
    """Why the expression can never show what it means to: series, labels and values that do not exist."""
    try:
        reading = read(expression)
    except ValueError as error:
        return [f"{expression}: {error}"]
    names = {name for name, _matched in reading.series}
    faults = [f"{name} is not exported" for name in sorted(names - EXPORTED.keys())]
    known = _TARGET_LABELS.union(*(EXPORTED[name] for name in names & EXPORTED.keys()))
    faults += [f"no series of it has the label {label}" for label in sorted(reading.labels - known)]
    return faults + [fault for name, matched in reading.series for fault in _find_faults_of_series(name, matched)]


def _find_faults_of_series(series: str, matched: dict[str, str]) -> Iterator[str]:
    known = EXPORTED.get(series, frozenset()) | _TARGET_LABELS
    for label, value in matched.items():
        if label not in known:
            yield f"{series} has no label {label}"
        yield from (f"{label} is never {one}" for one in _unknown(label, value.split("|")))


def _unknown(label: str, values: Iterable[str]) -> list[str]:
    known = _VALUES.get(label)
    return [] if known is None else [value for value in values if value not in known]


def _grouped(node: Any) -> list[str]:
    if isinstance(node, promql_parser.AggregateExpr):
        return node.modifier.labels if node.modifier else []
    if isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None:
        matching = node.modifier.matching
        return matching.labels if matching else []
    return []
