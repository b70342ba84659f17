"""The two lists of candidates for one question to an index that keeps memories whole.

query ─┬─> embed ──> dense ─┐
       └─> text ────────────┴─> Lists
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from memos.embedders.base import Embedder
from memos.errors import Unavailable
from memos.ids import TenantId
from memos.recall.evidence import Lists
from memos.vec_dbs.base import IndexFilter, IndexHit, RecordIndex

TIMEOUT_S: Final = 5.0

logger = logging.getLogger(__name__)


class RecordLists:
    """Asks for both lists side by side, so that a server that is away is waited for once. Of one thread.

    Without an embedder there is none of the nearest. A list that could not be had is logged, and not asked for again.
    """

    def __init__(
        self, index: RecordIndex, embedder: Embedder | None, tenant: TenantId, query: str, where: IndexFilter
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._tenant = tenant
        self._query = query
        self._where = where
        self._searches: dict[str, Callable[[int], list[IndexHit]]] = {"text": self._search_text}
        if embedder is not None:
            self._searches["dense"] = self._search_dense

    def ask(self, limit: int) -> Lists:
        """Up to ``limit`` hits of each list. Raises Unavailable when nothing could be asked."""
        found: dict[str, list[IndexHit]] = {}
        failures: list[Unavailable] = []
        with ThreadPoolExecutor(len(self._searches)) as threads:
            answers = {name: threads.submit(search, limit) for name, search in self._searches.items()}
        for name, answer in answers.items():
            try:
                found[name] = answer.result()
            except Unavailable as error:
                failures.append(error)
                logger.warning("a search went without %s candidates: %s", name, error)
        if not found:
            raise failures[0]
        self._searches = {name: self._searches[name] for name in found}
        return Lists(limit=limit, **found)

    @cached_property
    def _vector(self) -> Sequence[float]:
        return () if self._embedder is None else self._embedder.embed([self._query], purpose="query")[0]

    def _search_text(self, limit: int) -> list[IndexHit]:
        return self._index.search_text(self._tenant, self._query, self._where, limit=limit, timeout_s=TIMEOUT_S)

    def _search_dense(self, limit: int) -> list[IndexHit]:
        return self._index.search_dense(self._tenant, self._vector, self._where, limit=limit, timeout_s=TIMEOUT_S)
