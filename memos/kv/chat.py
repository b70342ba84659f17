"""A chat that starts from a stored KV state where there is one for exactly these tokens, and else from nothing.

The text is the same either way; only the time to the first token differs, and the report says by what it came.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from memos.clock import Clock, SystemClock
from memos.errors import InvalidConfig, Unavailable
from memos.ids import CubeId, TenantId
from memos.kv.engines.base import Decoding, KVEngine
from memos.kv.lookup import Found, Miss, Tier
from memos.kv.store import ArtefactStore
from memos.llms.base import ChatMessages

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatReport:
    """What one answer cost. ``ttft_ms`` is None until the first text; ``miss`` says why nothing was reused."""

    prompt_tokens: int
    cached_tokens: int
    tier: Tier | None
    miss: str | None
    ttft_ms: float | None = None


class ChatStream:
    """The pieces of one answer, in order, once; ``report`` is complete after the first piece."""

    def __init__(self, pieces: Iterator[str], report: ChatReport, *, clock: Clock, began_s: float) -> None:
        self._pieces = pieces
        self._report = report
        self._clock = clock
        self._began_s = began_s

    @property
    def report(self) -> ChatReport:
        """What is known by now."""
        return self._report

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        finally:
            if self._report.ttft_ms is None:
                elapsed_ms = (self._clock.monotonic_s() - self._began_s) * 1000
                self._report = replace(self._report, ttft_ms=elapsed_ms)


class CachedChat:
    """Answers chats with the artefacts of one store. Thread-safe.

    A store that fails costs time and never an answer: the reason is logged and is the report's ``miss``.
    """

    def __init__(self, engine: KVEngine, store: ArtefactStore, clock: Clock | None = None) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock or SystemClock()

    def stream(
        self,
        tenant: TenantId,
        cube: CubeId,
        messages: ChatMessages,
        options: Decoding | None = None,
        *,
        reuse: bool = True,
    ) -> ChatStream:
        """The answer to these messages, as it is produced; without ``reuse``, the whole prompt is computed.

        Raises InvalidRequest for messages that cannot be sent.
        """
        began_s = self._clock.monotonic_s()
        ids = self._engine.encode(messages)
        found = self._find(tenant, cube, ids) if reuse else Miss(reason="reuse was not wanted")
        report = ChatReport(
            prompt_tokens=len(ids),
            cached_tokens=min(found.state.token_count, len(ids) - 1) if isinstance(found, Found) else 0,
            tier=found.tier if isinstance(found, Found) else None,
            miss=found.reason if isinstance(found, Miss) else None,
        )
        state = found.state if isinstance(found, Found) else None
        pieces = self._engine.stream(ids, state=state, options=options)
        return ChatStream(pieces, report, clock=self._clock, began_s=began_s)

    def _find(self, tenant: TenantId, cube: CubeId, ids: list[int]) -> Found | Miss:
        try:
            return self._store.find_longest(tenant, cube, self._engine.fingerprint, ids)
        except (Unavailable, InvalidConfig) as error:
            logger.warning("no KV artefact for this chat: %s", error)
            return Miss(reason=str(error))
