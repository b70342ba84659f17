"""Asking the index: two searches side by side, within one deadline.

query ─┬─> embed ──> dense ─┐
       └─> text ────────────┴─> Lists, and what could not be had
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from memos.clock import SystemClock
from memos.errors import Unavailable
from memos.ids import TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.evidence import Lists
from memos.recall.question import without_asking
from memos.vec_dbs.base import IndexFilter, IndexHit

AskVector = Callable[[], Sequence[float]]
"""Waits for a query's embedding. Raises Unavailable when there is none in time."""


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

    def find(
        self, tenant: TenantId, query: str, where: IndexFilter, *, limit: int, vector: AskVector | None = None
    ) -> Asked:
        """Up to ``limit`` hits of each list. Raises Unavailable when neither can be had.

        ``vector`` is one of those that ``embed`` gave; without it the query is embedded here.
        """
        searches = {"dense": partial(self._search_dense, vector=vector), "text": self._search_text}
        asked = {name: self._threads.submit(search, tenant, query, where, limit) for name, search in searches.items()}
        wait(asked.values(), timeout=self._deadline_s)
        failures: dict[str, Unavailable] = {}
        found = {name: _collect(future, name, failures) for name, future in asked.items()}
        if len(failures) == len(asked):
            raise next(iter(failures.values()))
        degraded = tuple(f"{name}: {error}" for name, error in failures.items())
        return Asked(lists=Lists(limit=limit, **found), degraded=degraded)

    def embed(self, queries: Sequence[str]) -> list[AskVector]:
        """The queries' embeddings, made together while the caller goes on; all within one deadline."""
        clock = SystemClock()
        ends_s = clock.monotonic_s() + self._deadline_s
        asked = self._threads.submit(self._stores.embedder.embed, queries, purpose="query")

        def ask(place: int) -> Sequence[float]:
            try:
                return asked.result(timeout=max(ends_s - clock.monotonic_s(), 0))[place]
            except TimeoutError:
                raise Unavailable("embedder", "no vectors within the deadline") from None

        return [partial(ask, place) for place in range(len(queries))]

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _search_dense(
        self, tenant: TenantId, query: str, where: IndexFilter, limit: int, *, vector: AskVector | None
    ) -> Sequence[IndexHit]:
        wanted = self._stores.embedder.embed([query], purpose="query")[0] if vector is None else vector()
        return self._stores.index.search_dense(tenant, wanted, where, limit=limit, timeout_s=self._deadline_s)

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
