"""Asking the index: three searches side by side, within one deadline.

query ─┬─> text ─────────────────────────┐
       └─> embed ──> dense, context ─────┴─> Lists, and what could not be had
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, TypeVar

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.evidence import Lists
from memos.recall.question import without_asking
from memos.vec_dbs.base import IndexFilter, IndexHit, View

_VIEWS: Final[Mapping[str, View]] = {"dense": "memory", "context": "context"}
_THREADS: Final = 12

Pending = Future[list[IndexHit]]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was found, and what could not be asked for (empty when nothing was missing)."""

    lists: Lists
    degraded: tuple[str, ...]


class CandidateSearch:
    """Finds candidates of one tenant's cubes. Thread-safe."""

    def __init__(self, stores: TextStores, *, deadline_s: float) -> None:
        self._stores = stores
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="recall")

    def find(self, tenant: TenantId, query: str, where: IndexFilter, *, limit: int) -> Asked:
        """Up to ``limit`` hits of each list. Raises Unavailable when none of them can be had."""
        ends_s = time.monotonic() + self._deadline_s
        pending = {"text": self._ask_text(tenant, query, where, limit)}
        embedded = self._threads.submit(self._stores.embedder.embed, [query], purpose="query")
        wait([embedded], timeout=self._deadline_s)
        failures: dict[str, Unavailable] = {}
        for vector in _collect(embedded, "dense", failures):
            pending |= {name: self._ask_dense(tenant, vector, where, limit, name) for name in _VIEWS}
        wait(pending.values(), timeout=max(ends_s - time.monotonic(), 0))
        found = {name: _collect(future, name, failures) for name, future in pending.items()}
        if not pending.keys() - failures.keys():
            raise next(iter(failures.values()))
        return Asked(lists=Lists(limit=limit, **found), degraded=tuple(_told(failures)))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask_text(self, tenant: TenantId, query: str, where: IndexFilter, limit: int) -> Pending:
        search, timeout_s = self._stores.index.search_text, self._deadline_s
        words = without_asking(query)
        return self._threads.submit(search, tenant, words, where, limit=limit, timeout_s=timeout_s)

    def _ask_dense(
        self, tenant: TenantId, vector: Sequence[float], where: IndexFilter, limit: int, name: str
    ) -> Pending:
        search, timeout_s, view = self._stores.index.search_dense, self._deadline_s, _VIEWS[name]
        return self._threads.submit(search, tenant, vector, where, limit=limit, timeout_s=timeout_s, view=view)


def _collect(future: "Future[list[T]]", name: str, failures: dict[str, Unavailable]) -> list[T]:
    """What there is by now; else the failure is noted under its name."""
    try:
        return future.result(timeout=0)
    except Unavailable as error:
        failures[name] = error
    except TimeoutError:
        failures[name] = Unavailable("recall", f"no {name} candidates within the deadline")
    return []


def _told(failures: Mapping[str, Unavailable]) -> list[str]:
    """A line for each list that is missing; one for both embeddings."""
    both = _VIEWS.keys() <= failures.keys()
    return [f"{name}: {error}" for name, error in failures.items() if not (both and name == "context")]
