"""Asking the index: two searches side by side, within one deadline.

query ─┬─> embed ──> dense ─┐
       └─> text ────────────┴─> Lists, and what could not be had
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.evidence import Lists
from memos.recall.question import without_asking
from memos.vec_dbs.base import IndexFilter, IndexHit


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
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="recall")

    def find(self, tenant: TenantId, query: str, where: IndexFilter, *, limit: int) -> Asked:
        """Up to ``limit`` hits of each list. Raises Unavailable when neither can be had."""
        searches = {"dense": self._search_dense, "text": self._search_text}
        asked = {name: self._threads.submit(search, tenant, query, where, limit) for name, search in searches.items()}
        wait(asked.values(), timeout=self._deadline_s)
        failures: dict[str, Unavailable] = {}
        found = {name: _collect(future, name, failures) for name, future in asked.items()}
        if len(failures) == len(asked):
            raise next(iter(failures.values()))
        degraded = tuple(f"{name}: {error}" for name, error in failures.items())
        return Asked(lists=Lists(limit=limit, **found), degraded=degraded)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _search_dense(self, tenant: TenantId, query: str, where: IndexFilter, limit: int) -> Sequence[IndexHit]:
        vector = self._stores.embedder.embed([query], purpose="query")[0]
        return self._stores.index.search_dense(tenant, vector, where, limit=limit, timeout_s=self._deadline_s)

    def _search_text(self, tenant: TenantId, query: str, where: IndexFilter, limit: int) -> Sequence[IndexHit]:
        words = without_asking(query)
        return self._stores.index.search_text(tenant, words, where, limit=limit, timeout_s=self._deadline_s)


def _collect(future: "Future[Sequence[IndexHit]]", name: str, failures: dict[str, Unavailable]) -> Sequence[IndexHit]:
    """What a search found by now; else the failure is noted under its name."""
    try:
        return future.result(timeout=0)
    except Unavailable as error:
        failures[name] = error
    except TimeoutError:
        failures[name] = Unavailable("recall", f"no {name} candidates within the deadline")
    return []
