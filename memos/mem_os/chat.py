"""One turn of a chat: recall, history, the model, and the turn itself added to the memory.

[system + stable memories]  +  history  +  [retrieved memories + question]  ──> model ──> pieces ──> add
 └─ the stored KV artefact of exactly these tokens, if there is one
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from memos.configs.mem_os import MOSConfig
from memos.ids import CubeId, TenantId, UserId
from memos.kv.chat import ChatReport
from memos.kv.prefix import Chat, PromptLayout, StableBlock, build_chat
from memos.llms.base import LLM
from memos.llms.huggingface import HuggingFaceLLM
from memos.mem_os.activation import ADAPTED_HERE, Activation
from memos.mem_os.history import SessionHistory
from memos.mem_os.intake import Intake
from memos.recall.fuse import Key
from memos.recall.search import SearchResult
from memos.types import Lane, Memory


class Searches(Protocol):
    """Finds memories: memos.recall.search.Recall, or what asks several of its kind."""

    def search(self, tenant: TenantId, cubes: Sequence[CubeId], query: str, *, top_k: int) -> SearchResult: ...


class ChatStream:
    """An answer in pieces. When the last one was taken, or the stream is closed, the turn has been remembered."""

    def __init__(
        self, pieces: Iterator[str], report: Callable[[], ChatReport | None], *, degraded: Sequence[str] = ()
    ) -> None:
        self._pieces = pieces
        self._report = report
        self.degraded = tuple(degraded)
        """What recall could not ask for this answer; empty when nothing was missing."""

    @property
    def report(self) -> ChatReport | None:
        """What was measured, complete after the first piece; None for a model that runs elsewhere."""
        return self._report()

    def __iter__(self) -> Iterator[str]:
        return self._pieces


def _nobody(cube: CubeId) -> None:
    """No cube has an adapter."""


def _uncounted(tenant: TenantId, used: Sequence[Key]) -> None:
    """Nobody counts what is used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chatter:
    """Answers questions of users of one tenant.

    ``find_adapted`` gives the model for a cube that has one of its own; ``workers_build`` says that KV states are
    built in another process, which knows of no adapter. ``note_uses`` is told which memories were retrieved for a turn
    that is remembered.
    """

    model: LLM
    recall: Searches
    history: SessionHistory
    intake: Intake
    activation: Activation | None
    now_ms: Callable[[], int]
    system_prompt: Callable[[CubeId], str]
    config: MOSConfig
    find_adapted: Callable[[CubeId], HuggingFaceLLM | None] = _nobody
    workers_build: bool = False
    note_uses: Callable[[TenantId, Sequence[Key]], None] = _uncounted

    def stream(
        self, lane: Lane, user: UserId, cubes: Sequence[CubeId], question: str, *, use_artefact: bool, remember: bool
    ) -> ChatStream:
        """Begin an answer. The first piece comes when the model has read the prompt."""
        found = self._recall(lane, cubes, question)
        messages = build_chat(self._layout(lane, user, question, [hit.memory for hit in found.hits]))
        pieces, report = self._answer(lane, messages, use_artefact=use_artefact)
        if remember and self.config.enable_textual_memory:
            used = [(hit.memory.cube, hit.memory.id) for hit in found.hits]
            pieces = self._remembered(pieces, lane, user, question, used)
        return ChatStream(pieces, report, degraded=found.degraded)

    def _recall(self, lane: Lane, cubes: Sequence[CubeId], question: str) -> SearchResult:
        if not self.config.enable_textual_memory:
            return SearchResult(hits=[])
        return self.recall.search(lane.tenant, cubes, question, top_k=self.config.top_k)

    def _layout(self, lane: Lane, user: UserId, question: str, retrieved: Sequence[Memory]) -> PromptLayout:
        return PromptLayout(
            stable=self._stable(lane),
            retrieved=retrieved,
            history=self.history.last_turns(lane, user, limit=self.config.max_turns_window),
            query=question,
        )

    def _stable(self, lane: Lane) -> StableBlock:
        prompt = self.system_prompt(lane.cube)
        if self.activation is None:
            return StableBlock(text=prompt, memories=())
        return self.activation.stable(lane.tenant, lane.cube, prompt)

    def _answer(
        self, lane: Lane, messages: Chat, *, use_artefact: bool
    ) -> tuple[Iterator[str], Callable[[], ChatReport | None]]:
        adapted = self.find_adapted(lane.cube)
        if self.activation is None:
            return (adapted or self.model).generate_stream(messages), _no_report
        activation = self.activation.answering_by(adapted)
        answer = activation.answer(lane.tenant, lane.cube, messages, use_artefact=use_artefact)
        unbuilt = adapted is not None and self.workers_build and use_artefact
        return answer.pieces, lambda: answer.report(note=ADAPTED_HERE if unbuilt else None)

    def _remembered(
        self, pieces: Iterator[str], lane: Lane, user: UserId, question: str, used: Sequence[Key]
    ) -> Iterator[str]:
        answer: list[str] = []
        try:
            for piece in pieces:
                answer.append(piece)
                yield piece
        finally:
            self._remember(lane, user, question, "".join(answer))
            self.note_uses(lane.tenant, used)

    def _remember(self, lane: Lane, user: UserId, question: str, answer: str) -> None:
        now_ms = self.now_ms()
        said = [("user", question), ("assistant", answer)]
        messages = [
            {"role": role, "content": text, "speaker": role, "said_at_ms": now_ms}
            for role, text in said
            if text.strip()
        ]
        self.intake.add(lane, user, messages, None)


def _no_report() -> None:
    return None
