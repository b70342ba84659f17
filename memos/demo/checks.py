"""What the demonstration promises. Each check has a name; one that fails fails the demonstration."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from memos.demo.script import Question, Script
from memos.memories.textual.item import TextualMemoryItem
from memos.types import JobKind, JobRecord, JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A promise and whether it held."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStatistics:
    """Jobs of one kind. Times in milliseconds; None when no job has both ends."""

    kind: JobKind
    count: int
    failed: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


def items_of(found: dict[str, Any]) -> list[TextualMemoryItem]:
    """The memories of a search's result, shelf by shelf."""
    return [item for shelf in found["text_mem"] for item in shelf["memories"]]


def check_found(question: Question, items: Sequence[TextualMemoryItem]) -> Check:
    """The memories rest on messages that say what is expected."""
    missing = [passage for passage in question.expect if not _says(passage, items)]
    return Check(name=f"found: {question.question}", passed=not missing, detail=f"not found: {missing}")


def check_isolated(question: Question, items: Sequence[TextualMemoryItem], other: Script) -> Check:
    """Whatever is asked of one tenant, none of another tenant's messages comes up."""
    foreign = {turn.content for session in other.sessions for turn in session.turns}
    leaked = [source.content for item in items for source in item.sources if source.content in foreign]
    leaked += [passage for passage in question.absent if _says(passage, items)]
    return Check(name=f"nothing of {other.tenant}: {question.question}", passed=not leaked, detail="; ".join(leaked))


def check_jobs(records: Sequence[JobRecord]) -> Check:
    """Every job has succeeded."""
    failed = [f"{item.kind} {item.id}: {item.state} {item.error_class}" for item in records if not _good(item)]
    return Check(name="no job failed", passed=bool(records) and not failed, detail="; ".join(failed))


def statistics_of(records: Sequence[JobRecord]) -> list[JobStatistics]:
    """One row a kind that occurs."""
    kinds = [kind for kind in JobKind if any(item.kind is kind for item in records)]
    return [_statistics(kind, [item for item in records if item.kind is kind]) for kind in kinds]


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The given percentile by linear interpolation; None of nothing."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _says(passage: str, items: Sequence[TextualMemoryItem]) -> bool:
    return any(passage in source.content for item in items for source in item.sources)


def _good(record: JobRecord) -> bool:
    return record.state is JobState.SUCCEEDED


def _statistics(kind: JobKind, records: Sequence[JobRecord]) -> JobStatistics:
    waits = [float(item.wait_ms) for item in records if item.wait_ms is not None]
    runs = [float(item.run_ms) for item in records if item.run_ms is not None]
    return JobStatistics(
        kind=kind,
        count=len(records),
        failed=sum(not _good(item) for item in records),
        wait_p50=percentile(waits, 50),
        wait_p95=percentile(waits, 95),
        run_p50=percentile(runs, 50),
        run_p95=percentile(runs, 95),
    )
