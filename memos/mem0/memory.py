"""mem0's ``Memory``: its methods, arguments, defaults and shapes, as of mem0 2.2.1, on this project's stores.

add ──> adding.py ──> extraction.py        search ──> finding.py        get, get_all ──> rows.py (the index)
            └──> rows.py, history.py       update, delete, delete_all, reset ──> rows.py, history.py (SQL)
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from memos.clock import Clock, SystemClock
from memos.errors import InvalidRequest
from memos.mem0 import arguments
from memos.mem0.adding import Adder, Belongings
from memos.mem0.arguments import DEFAULT_THRESHOLD, DEFAULT_TOP_K
from memos.mem0.changing import Changer
from memos.mem0.config import MemoryConfig, config_from_mem0
from memos.mem0.errors import in_mem0s_terms
from memos.mem0.extraction import Extraction
from memos.mem0.finding import Finder, Found, Wanted
from memos.mem0.history import open_history
from memos.mem0.messages import parse_given
from memos.mem0.payload import (
    day_of,
    fields_of,
    is_expired,
    parse_expiration,
    parse_metadata,
    show,
)
from memos.mem0.reranking import open_reranking
from memos.mem0.rows import Rows, Stores, open_stores
from memos.mem0.scope import Narrowing, parse_narrowing, parse_scope
from memos.memories.textual.item import TextualMemoryItem, milliseconds_of
from memos.memories.textual.records import parse_id
from memos.recall.filters import matches
from memos.settings import Settings, load_settings

logger = logging.getLogger(__name__)

_UNSET: Final = object()


class Memory:
    """The memories of one collection of the tenant that ``settings`` name. Thread-safe; close it, or use ``with``.

    Errors are this project's; where mem0 raises ValueError, they are ValueErrors too. Two processes that change one
    memory at the same time: the later one wins. With ``stores`` it works on connections that are somebody else's.
    """

    @in_mem0s_terms()
    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        settings: Settings | None = None,
        stores: Stores | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config or MemoryConfig()
        self._clock = clock or SystemClock()
        named = settings or load_settings()
        self._history = open_history(self.config, named)
        self._reranking = open_reranking(self.config.reranker, named)
        self._stores = stores or open_stores(self.config, named)
        self._owns_stores = stores is None
        self._rows = Rows(self._stores, tenant=named.tenant, collection=self.config.vector_store.collection)
        self._finder = Finder(self._rows)
        changing = threading.Lock()
        extraction = Extraction(self.config.llm, self.config.custom_instructions, named, self._clock)
        self._adder = Adder(self._rows, self._history, extraction, changing=changing, clock=self._clock)
        self._changer = Changer(self._rows, self._history, changing=changing, clock=self._clock)

    @classmethod
    @in_mem0s_terms()
    def from_config(cls, config_dict: Mapping[str, Any], *, settings: Settings | None = None) -> Self:
        """Memories as mem0's dictionary describes them. Raises InvalidConfig for what cannot be honoured, and why."""
        return cls(config_from_mem0(config_dict), settings=settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @in_mem0s_terms()
    def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: object = None,
        expiration_date: object = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
    ) -> dict[str, Any]:
        """Remember what the messages say, or with ``infer=False`` the messages themselves: ``{"results": [...]}``.

        A result is ``{"id", "memory", "event": "ADD"}``; what somebody of this scope has word for word already is not
        added again, but for messages themselves. ``metadata`` holds JSON values and may name "created_at".
        """
        arguments.refuse_platform("timestamp", timestamp, "give metadata={'created_at': ...}")
        scope = parse_scope(user_id=user_id, agent_id=agent_id, run_id=run_id)
        info = parse_metadata(metadata or {}, scope.ids, may_set=("created_at",))
        if expiration_date is not None:
            info["expiration_date"] = parse_expiration(expiration_date)
        is_procedure = arguments.parse_memory_type(memory_type, has_agent="agent_id" in scope.ids)
        told = arguments.parse_prompt(prompt, is_read=infer or is_procedure)
        given = parse_given(messages)
        belongings = Belongings(scope=scope, info=info)
        if not given:
            return {"results": []}
        if is_procedure:
            return {"results": self._adder.add_procedure(given, belongings, prompt=told)}
        if not infer:
            return {"results": self._adder.add_raw(given, belongings)}
        return {"results": self._adder.add_facts(given, belongings, prompt=told)}

    @in_mem0s_terms()
    def search(
        self,
        query: str,
        *,
        top_k: int = DEFAULT_TOP_K,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = DEFAULT_THRESHOLD,
        rerank: bool = False,
        explain: bool = False,
        reference_date: object = None,
        show_expired: bool = False,
        **others: Any,
    ) -> dict[str, Any]:
        """The best memories that satisfy the filters, best first: ``{"results": [...]}``, each with its ``score``.

        Filters (memos/recall/filters.py) name a user, an agent or a run at their top level, and are evaluated exactly.
        A score is a cosine, raised by words in common; ``threshold`` drops what has a lower one, ``explain`` adds its
        parts as ``score_details``. ``rerank`` orders by the configured reranker; where that is away, the answer keeps
        its order and says so under "degraded".
        """
        arguments.refuse_platform("reference_date", reference_date, "filter by created_at")
        arguments.refuse_others("search", others)
        limit, lowest = arguments.parse_top_k(top_k), arguments.parse_threshold(threshold)
        asked = arguments.parse_query(query)
        if rerank and self._reranking is None:
            raise InvalidRequest("rerank=True needs a reranker section in the configuration")
        narrowing = parse_narrowing(filters)
        keep = self._build_keep(narrowing, show_expired=show_expired)
        wanted = Wanted(labels=narrowing.labels, keep=keep, threshold=lowest, top_k=limit)
        results = [_show_found(found, lowest, explain=explain) for found in self._finder.find(asked, wanted)]
        return self._reranking.order(asked, results) if rerank and self._reranking else {"results": results}

    @in_mem0s_terms()
    def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = DEFAULT_TOP_K,
        show_expired: bool = False,
        **others: Any,
    ) -> dict[str, Any]:
        """The memories that satisfy the filters, the oldest first: ``{"results": [...]}``."""
        arguments.refuse_others("get_all", others)
        limit = arguments.parse_top_k(top_k)
        narrowing = parse_narrowing(filters)
        keep = self._build_keep(narrowing, show_expired=show_expired)
        found = sorted((item for item in self._rows.list(narrowing.labels) if keep(item)), key=_age)
        return {"results": [show(item) for item in found[:limit]]}

    @in_mem0s_terms()
    def get(self, memory_id: str) -> dict[str, Any] | None:
        """One memory, or None."""
        found = self._rows.find(memory_id)
        return None if found is None else show(found[0], score=None)

    @in_mem0s_terms()
    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: object = _UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """Replace the text, and the named metadata, of one memory. Raises NotFound.

        ``data`` is the old name of ``text``. ``expiration_date=None`` takes the end away. Whose a memory is stays.
        """
        if data is not None:
            logger.warning("update(data=...) is deprecated in mem0 and will go; give text=...")
        changes: dict[str, Any] = {}
        if expiration_date is not _UNSET:
            changes["expiration_date"] = parse_expiration(expiration_date)
        self._changer.update(memory_id, text=data if text is None else text, metadata=metadata, changes=changes)
        return {"message": "Memory updated successfully!"}

    @in_mem0s_terms()
    def delete(self, memory_id: str) -> dict[str, str]:
        """Remove one memory for good; its history stays. Raises NotFound."""
        self._changer.delete(memory_id)
        return {"message": "Memory deleted successfully!"}

    @in_mem0s_terms()
    def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Remove the memories of a user, an agent or a run for good, or those that belong to all that are named."""
        scope = parse_scope(user_id=user_id, agent_id=agent_id, run_id=run_id)
        self._changer.delete_all(scope)
        return {"message": "Memories deleted successfully!"}

    @in_mem0s_terms()
    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What became of a memory, the oldest change first; still there when the memory is not."""
        return self._history.entries_of(parse_id(memory_id))

    @in_mem0s_terms()
    def reset(self) -> None:
        """Remove all memories of this tenant's collection, and their history."""
        self._changer.reset()

    def close(self) -> None:
        """Give connections back; harmless when done twice."""
        if self._owns_stores:
            self._stores.index.close()
        if self._reranking is not None:
            self._reranking.close()
        self._history.close()

    def _build_keep(self, narrowing: Narrowing, *, show_expired: bool) -> Any:
        today = day_of(self._clock.now_ms())

        def keep(item: TextualMemoryItem) -> bool:
            alive = show_expired or not is_expired(item, today)
            return alive and matches(narrowing.condition, fields_of(item))

        return keep


def _show_found(found: Found, threshold: float, *, explain: bool) -> dict[str, Any]:
    shown = show(found.item, score=found.score.total)
    return {**shown, "score_details": found.score.explain(threshold)} if explain else shown


def _age(item: TextualMemoryItem) -> tuple[int, str]:
    created = item.metadata.created_at
    return 0 if created is None else milliseconds_of(created), item.id
