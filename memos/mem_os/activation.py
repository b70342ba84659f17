"""Activation memory of a tenant's cubes: which memories stand first in a prompt, and the KV states kept of them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from memos.clock import Clock
from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, TenantId
from memos.kv.build import BuildReport, KVBuilder
from memos.kv.chat import CachedChat, ChatReport, ChatStream
from memos.kv.manifest import Manifest
from memos.kv.prefix import Chat, StableBlock, in_stable_order, stable_block
from memos.kv.store import ArtefactStore
from memos.llms.huggingface import HuggingFaceLLM, without_thoughts
from memos.organize.decay import is_expired
from memos.organize.provisional import is_provisional
from memos.organize.surroundings import is_summary
from memos.types import Memory, MemoryType

# More than any prefix has room for; what is never in a prefix is never read for it.
MAX_STABLE: Final = 400
ADAPTED_HERE: Final = "the cube's adapter is applied in this process, and workers build for the model without it"


class Activation:
    """Lays out a cube's stable prefix, builds its KV state and answers with it. The same in a chat and in a worker."""

    def __init__(self, graph: GraphStore, model: HuggingFaceLLM, artefacts: ArtefactStore, clock: Clock) -> None:
        self._graph = graph
        self._model = model
        self._artefacts = artefacts
        self._clock = clock
        self._builder = KVBuilder(model.engine, artefacts, clock)
        self._chat = CachedChat(model.engine, artefacts, clock)

    def answering_by(self, model: HuggingFaceLLM | None) -> "Activation":
        """The same with another model, whose KV states are its own; this one, for None."""
        return self if model is None else Activation(self._graph, model, self._artefacts, self._clock)

    def stable(self, tenant: TenantId, cube: CubeId, system_prompt: str) -> StableBlock:
        """The system message of every chat of this cube."""
        return stable_block(system_prompt, self._memories(tenant, cube))

    def build(self, tenant: TenantId, cube: CubeId, system_prompt: str) -> BuildReport:
        """Compute and store the KV state of the cube's prefix as it is now; what is stored already is not repeated."""
        generation = self._artefacts.generation(tenant, cube)
        memories = self._memories(tenant, cube)
        return self._builder.build(tenant, cube, system_prompt, memories, generation=generation)

    def answer(self, tenant: TenantId, cube: CubeId, messages: Chat, *, use_artefact: bool) -> "Answer":
        """Begin an answer, from the stored state of these tokens where there is one and it is wanted."""
        stream = self._chat.stream(tenant, cube, messages, self._model.decoding, reuse=use_artefact)
        pieces = iter(stream) if self._model.keeps_thoughts else without_thoughts(iter(stream))
        return Answer(pieces=pieces, stream=stream)

    def _memories(self, tenant: TenantId, cube: CubeId) -> list[Memory]:
        now_ms = self._clock.now_ms()
        active = self._graph.list_memories(tenant, cube, limit=MAX_STABLE)
        return in_stable_order([memory for memory in active if _is_stable(memory, now_ms=now_ms)])


def _is_stable(memory: Memory, *, now_ms: int) -> bool:
    """Whether a prefix may have it. Not what soon has other words, and not a summary, whose children are there."""
    is_outer = memory.memory_type is MemoryType.OUTER
    return not (is_outer or is_summary(memory) or is_provisional(memory) or is_expired(memory, now_ms=now_ms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer's pieces, and the stream whose report tells what it cost."""

    pieces: Iterator[str]
    stream: ChatStream

    def report(self, *, note: str | None = None) -> ChatReport:
        """What is known by now; with a note, a miss has it behind its reason."""
        known = self.stream.report
        return known if known.miss is None or note is None else replace(known, miss=f"{known.miss}; {note}")


def build_result(report: BuildReport) -> Mapping[str, Any]:
    """A build's report as a job's result."""
    return asdict(report)


def artefact_item(manifest: Manifest) -> dict[str, Any]:
    """What is known of an artefact, without tensors."""
    return {
        "id": manifest.artefact_id,
        "memory": f"KV state of {manifest.token_count} tokens from {len(manifest.memories)} memories",
        "metadata": {
            "model": manifest.fingerprint.model_id,
            "token_count": manifest.token_count,
            "size_bytes": manifest.size_bytes,
            "memory_ids": [reference.id for reference in manifest.memories],
        },
    }
