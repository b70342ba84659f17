"""``memos bench path``: the figures of the way from ``mos.add`` to a search, on servers of its own.

servers only            submit, beside a bare Celery task with the same payload
+ dispatcher, worker    ingest 10,000 messages of 50 tenants, search among them, add-to-searchable at idle
"""

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final

from memos.bench.celery_baseline import measure_apply_async
from memos.bench.sentences import sentences
from memos.bench.settling import wait_until_settled
from memos.bench.timing import percentile_ms, timed_ms
from memos.configs.mem_os import MOSConfig
from memos.errors import Unavailable
from memos.ids import tenant_id
from memos.mem_os.intake import Added
from memos.mem_os.main import MOS
from memos.settings import Settings, child_environment
from memos.types import JobState

TENANTS: Final = 50
_USER: Final = "bench"
_BATCH: Final = 20
_WAIT_S: Final = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is done for each figure."""

    submits: int = 2_000
    messages: int = 10_000
    searches: int = 300
    round_trips: int = 20


def measure_submit(settings: Settings, plan: Plan) -> dict[str, float]:
    """``mos.add`` with the scheduler on, beside a bare Celery task: same payload, same Redis, alternating rounds."""
    message = {"role": "user", "content": next(sentences())}
    ours: list[float] = []
    theirs: list[float] = []
    with open_tenant(settings, "bench-submit") as mos:
        for session in range(5):
            per_round = plan.submits // 5
            ours += [_add_ms(mos, message, f"s{session}-{n % 50}") for n in range(per_round)]
            theirs += measure_apply_async(settings, {"messages": [message]}, count=per_round)
    return {
        "submit_p50_ms": percentile_ms(ours, 50),
        "submit_p99_ms": percentile_ms(ours, 99),
        "celery_apply_async_p50_ms": percentile_ms(theirs, 50),
        "celery_apply_async_p99_ms": percentile_ms(theirs, 99),
    }


def measure_ingest(settings: Settings, plan: Plan) -> dict[str, float]:
    """Messages a second through queue, rules reader, embedder, graph and index, beside the embedder alone."""
    texts = list(islice(sentences(), plan.messages))
    with ExitStack() as opened:
        tenants = [opened.enter_context(open_tenant(settings, f"bench-{n}")) for n in range(TENANTS)]
        _warm_up(tenants)
        started = time.perf_counter()
        jobs = list(_submit_all(tenants, texts))
        memories = sum(len(added.memory_ids) for mos, job in jobs for added in _await(mos, job))
        seconds = time.perf_counter() - started
    wait_until_settled(settings, [tenant_id(f"bench-{n}") for n in range(TENANTS)])
    return {
        "ingest_messages_per_s": round(len(texts) / seconds, 1),
        "ingest_memories_per_message": round(memories / len(texts), 3),
        "embed_only_per_s": measure_embed_only(settings, threads=None),
        "embed_only_one_thread_per_s": measure_embed_only(settings, threads=1),
    }


def measure_search(settings: Settings, plan: Plan) -> dict[str, float]:
    """Searches by tenants in turn, embedding of each new query included."""
    queries = list(islice(sentences(seed=2), plan.searches))
    with ExitStack() as opened:
        tenants = [opened.enter_context(open_tenant(settings, f"bench-{n}")) for n in range(TENANTS)]
        for mos in tenants[:5]:
            mos.search("warm up")
        times = [_search_ms(mos, query) for mos, query in zip(cycle(tenants), queries, strict=False)]
    return {"search_p50_ms": percentile_ms(times, 50), "search_p95_ms": percentile_ms(times, 95)}


def measure_add_to_searchable(settings: Settings, plan: Plan) -> dict[str, float]:
    """From the call of ``add`` until a search finds the memory, with nothing else to do."""
    with open_tenant(settings, "bench-idle") as mos:
        seconds = [
            _seconds_until_found(mos, f"The lighthouse number {n} was painted blue.") for n in range(plan.round_trips)
        ]
    return {
        "add_to_searchable_p50_s": round(percentile_ms(seconds[1:], 50), 4),
        "add_to_searchable_max_s": round(max(seconds[1:]), 4),
    }


def measure_import() -> dict[str, float]:
    """A fresh interpreter's ``import memos``, and that of MOS; the best of five, start of Python not included."""
    return {"import_ms": _import_ms("memos"), "import_mos_ms": _import_ms("memos.mem_os.main")}


@contextmanager
def open_tenant(settings: Settings, tenant: str) -> Generator[MOS]:
    """MOS of a tenant of the benchmark, with a user and a cube."""
    config = MOSConfig(user_id=_USER, enable_mem_scheduler=True)
    with MOS(config, settings=settings.model_copy(update={"tenant": tenant})) as mos:
        mos.create_cube_for_user(_USER, owner_id=_USER)
        yield mos


def _warm_up(tenants: Sequence[MOS]) -> None:
    """Have every worker process work, so that no loading of a model is in a figure."""
    for _ in range(2):
        for mos, job in list(_submit_all(tenants, list(islice(sentences(seed=3), 10 * _BATCH)))):
            _await(mos, job)


def _submit_all(tenants: Sequence[MOS], texts: Sequence[str]) -> Iterator[tuple[MOS, str]]:
    batches = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
    for number, (mos, batch) in enumerate(zip(cycle(tenants), batches, strict=False)):
        messages = [{"role": "user", "content": text} for text in batch]
        yield mos, mos.add(messages, session_id=f"s{number % 4}").job_id


def _await(mos: MOS, job: str) -> list[Added]:
    ended = mos.wait([job], timeout_s=_WAIT_S)
    if any(added.state is not JobState.SUCCEEDED for added in ended):
        raise Unavailable("bench", f"job {job} ended as {ended[0].state}; see `memos jobs show {job}`")
    return ended


def _add_ms(mos: MOS, message: dict[str, str], session: str) -> float:
    return timed_ms(lambda: mos.add([message], session_id=session))


def _search_ms(mos: MOS, query: str) -> float:
    return timed_ms(lambda: mos.search(query, top_k=10))


def _seconds_until_found(mos: MOS, text: str) -> float:
    started = time.perf_counter()
    mos.add(memory_content=text)
    while not _is_found(mos, text):
        if time.perf_counter() - started > 30:
            raise Unavailable("bench", f"{text!r} was not found within 30 s of its add")
    return time.perf_counter() - started


def _is_found(mos: MOS, text: str) -> bool:
    items: list[Any] = mos.search(text, top_k=1)["text_mem"][0]["memories"]
    return any(source.content == text for item in items for source in item.sources)


def measure_embed_only(settings: Settings, *, threads: int | None) -> float:
    """The embedder alone, in a process of its own, with so many threads; by default as many as there are cores."""
    command = [sys.executable, "-m", "memos.bench.embed_only", settings.embedder_model]
    environment = child_environment(**({} if threads is None else {"OMP_NUM_THREADS": str(threads)}))
    return float(subprocess.check_output(command, env=environment))


def _import_ms(module: str) -> float:
    program = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    runs: Callable[[], float] = lambda: float(subprocess.check_output([sys.executable, "-c", program]))  # noqa: E731
    return round(min(runs() for _ in range(5)), 1)
