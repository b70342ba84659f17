"""The last step of a search: a reranker orders the first candidates, if it does so in time."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from memos.errors import InvalidConfig, InvalidRequest, QuotaExceeded, Unavailable
from memos.recall.fuse import Candidate, Key
from memos.recall.rerank import PART, count_shown, order_by
from memos.rerankers.base import Reranker
from memos.types import Memory

_THREADS: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """Candidates, best first, and why they are still in the order that they came in, where they are."""

    candidates: list[Candidate]
    degraded: tuple[str, ...] = ()


class SecondLook:
    """Asks a reranker within a deadline; one that is away, limited or late leaves the order as it was. Thread-safe.

    It has threads of its own: a reranker that hangs must not take those that find the candidates.
    """

    def __init__(self, reranker: Reranker | None, *, deadline_s: float) -> None:
        self._reranker = reranker
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="rerank")

    def count_wanted(self, top_k: int) -> int:
        """How many candidates should be there for an answer of ``top_k``."""
        return 0 if self._reranker is None else count_shown(top_k)

    def reorder(
        self, query: str, candidates: Sequence[Candidate], memories: Mapping[Key, Memory], *, top_k: int
    ) -> Looked:
        """The ``top_k`` best of the candidates. Raises InvalidConfig for a reranker that can never work."""
        shown = candidates[: count_shown(top_k)]
        if self._reranker is None or not shown:
            return Looked(candidates=list(candidates[:top_k]))
        texts = [memories[item.key].text for item in shown]
        try:
            return Looked(candidates=order_by(self._ask(self._reranker, query, texts), shown)[:top_k])
        except InvalidConfig:
            raise
        except (Unavailable, QuotaExceeded, InvalidRequest) as error:
            return Looked(candidates=list(candidates[:top_k]), degraded=(f"{PART}: {error}",))

    def close(self) -> None:
        """End the threads; the reranker is its owner's to close."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, reranker: Reranker, query: str, texts: Sequence[str]) -> list[float]:
        asked = self._threads.submit(reranker.rerank, query, texts)
        try:
            return asked.result(timeout=self._deadline_s)
        except TimeoutError:
            asked.cancel()
            raise Unavailable("reranker", "no scores within the deadline") from None
