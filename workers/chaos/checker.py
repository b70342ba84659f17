"""Judges a run by what clients saw and what the stores hold. Pure.

    lost          accepted, but its job did not succeed, or its message, its memory or the memory's index row is missing
    duplicated    a message or a fact that is there again; a row without a memory, or twice; a key answered by two jobs
    inversions    an op that stands behind one which was submitted only after this one had been acknowledged
    leaked        a slot or a lease that is still held when nothing is left to do
    stuck         a lane that still holds jobs after all patience

An op that was never acknowledged may be there or not, in any place, but not twice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf

from workers.chaos.history import Acknowledged, Event, FaultBegan, FaultEnded, Recovered, Submitted


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A memory in the graph: its id, and the op whose message it comes from."""

    id: str
    op: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionState:
    """One session in the graph: the ops of its messages in their order, and its memories."""

    messages: tuple[str, ...] = ()
    memories: tuple[Held, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """An extract job's record: its final or present state, and the memories that it says it wrote."""

    state: str
    memory_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The stores after the run. ``rows`` are the ids in the index, once for each row."""

    sessions: Mapping[str, SessionState] = field(default_factory=dict[str, SessionState])
    rows: tuple[str, ...] = ()
    jobs: Mapping[str, JobView] = field(default_factory=dict[str, JobView])
    busy_lanes: tuple[str, ...] = ()
    held_slots: tuple[str, ...] = ()
    fenced: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The counts, and for each that should be zero the things counted.

    ``faults`` that could not do anything are not counted but told of as ``without_effect``.
    """

    faults: int
    faults_by_name: Mapping[str, int]
    without_effect: tuple[str, ...]
    accepted: int
    lost: tuple[str, ...]
    duplicated_effects: tuple[str, ...]
    inversions: tuple[str, ...]
    leaked_slots: tuple[str, ...]
    stuck_lanes: tuple[str, ...]
    fenced: int
    recovery_p99_s: float
    recoveries_s: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Op:
    """An op as its client knows it: first attempt, first acknowledgement (inf: none), and the jobs it was told of."""

    name: str
    submitted_s: float
    acknowledged_s: float = inf
    jobs: tuple[str, ...] = ()


def judge(events: Sequence[Event], snapshot: Snapshot) -> Verdict:
    """The verdict over a run."""
    ops = collect_ops(events)
    accepted = [op for op in ops.values() if op.jobs]
    names = {event.fault: event.name for event in events if isinstance(event, FaultBegan)}
    struck = [event.fault for event in events if isinstance(event, FaultEnded) and event.done]
    recoveries = [event for event in events if isinstance(event, Recovered)]
    return Verdict(
        faults=len(struck),
        faults_by_name=dict(sorted(Counter(names[fault] for fault in struck).items())),
        without_effect=tuple(name for fault, name in names.items() if fault not in struck),
        accepted=len(accepted),
        lost=tuple(find_lost(accepted, snapshot)),
        duplicated_effects=tuple(find_duplicates(ops.values(), snapshot)),
        inversions=tuple(find_inversions(ops, snapshot)),
        leaked_slots=snapshot.held_slots,
        stuck_lanes=snapshot.busy_lanes,
        fenced=snapshot.fenced,
        recovery_p99_s=percentile([event.seconds if event.complete else inf for event in recoveries], 99),
        recoveries_s=_by_name(recoveries, names),
    )


def collect_ops(events: Iterable[Event]) -> dict[str, Op]:
    """The ops of a history, in the order of their first attempts."""
    ops: dict[str, Op] = {}
    for event in events:
        if isinstance(event, Submitted) and event.op not in ops:
            ops[event.op] = Op(name=event.op, submitted_s=event.at_s)
        elif isinstance(event, Acknowledged):
            ops[event.op] = _acknowledged(ops[event.op], event)
    return ops


def find_lost(accepted: Iterable[Op], snapshot: Snapshot) -> Iterable[str]:
    """Each accepted op that has not taken effect whole, with what is missing; and each dead job, known or not."""
    messages = {op for session in snapshot.sessions.values() for op in session.messages}
    memories = _ids_by_op(snapshot)
    rows = frozenset(snapshot.rows)
    known: set[str] = set()
    for op in accepted:
        known.update(op.jobs)
        missing = _what_is_missing(op, snapshot.jobs, messages, memories.get(op.name, frozenset()), rows)
        if missing:
            yield f"{op.name}: {missing}"
    yield from (f"job {job}: dead" for job, view in snapshot.jobs.items() if view.state == "dead" and job not in known)


def find_duplicates(ops: Iterable[Op], snapshot: Snapshot) -> Iterable[str]:
    """Every effect beyond the first."""
    sessions = snapshot.sessions.values()
    yield from _repeated("message", (op for session in sessions for op in session.messages))
    yield from _repeated("fact", (held.op for session in sessions for held in session.memories))
    yield from _repeated("row", snapshot.rows)
    ids = {held.id for session in sessions for held in session.memories}
    yield from (f"row {row}: no such memory" for row in sorted(set(snapshot.rows) - ids))
    yield from (f"{op.name}: {len(op.jobs)} jobs for one key" for op in ops if len(op.jobs) > 1)


def find_inversions(ops: Mapping[str, Op], snapshot: Snapshot) -> Iterable[str]:
    """Each op that the graph has after one which was submitted when this one had been acknowledged already."""
    for session in snapshot.sessions.values():
        latest = Op(name="", submitted_s=-inf)
        for op in (ops[name] for name in dict.fromkeys(session.messages) if name in ops):
            if op.acknowledged_s < latest.submitted_s:
                yield f"{op.name} stands behind {latest.name}"
            latest = max(latest, op, key=lambda other: other.submitted_s)


def percentile(values: Sequence[float], rank: int) -> float:
    """By nearest rank, which of few values is the largest; 0 of none."""
    ordered = sorted(values)
    return ordered[ceil(rank / 100 * len(ordered)) - 1] if ordered else 0.0


def _acknowledged(op: Op, event: Acknowledged) -> Op:
    jobs = op.jobs if event.job in op.jobs else (*op.jobs, event.job)
    return Op(
        name=op.name,
        submitted_s=op.submitted_s,
        acknowledged_s=min(op.acknowledged_s, event.at_s),
        jobs=jobs,
    )


def _ids_by_op(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for session in snapshot.sessions.values():
        for held in session.memories:
            found.setdefault(held.op, set()).add(held.id)
    return {op: frozenset(ids) for op, ids in found.items()}


def _what_is_missing(
    op: Op, jobs: Mapping[str, JobView], messages: set[str], memories: frozenset[str], rows: frozenset[str]
) -> str:
    views = [jobs.get(job) for job in op.jobs]
    if any(view is None for view in views):
        return "its record is gone"
    states = {view.state for view in views if view is not None}
    if states != {"succeeded"}:
        return f"its job is {', '.join(sorted(states))}"
    if op.name not in messages:
        return "its message is not in the graph"
    told = {memory for view in views if view is not None for memory in view.memory_ids}
    if not memories or not told <= memories:
        return "its memory is not in the graph"
    return "" if memories <= rows else "its memory is not in the index"


def _repeated(what: str, names: Iterable[str]) -> Iterable[str]:
    for name, count in Counter(names).items():
        yield from [f"{what} {name}: again"] * (count - 1)


def _by_name(recoveries: Iterable[Recovered], names: Mapping[int, str]) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {}
    for event in recoveries:
        found.setdefault(names.get(event.fault, "?"), []).append(round(event.seconds, 2))
    return {name: tuple(seconds) for name, seconds in sorted(found.items())}
