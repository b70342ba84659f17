"""A model's fingerprint, states and memories that need no model, and an engine that computes nothing."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch

from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.kv.engines.base import Decoding
from memos.kv.manifest import MemoryRef, ModelFingerprint
from memos.kv.state import KVState
from memos.kv.store import NewArtefact
from memos.llms.base import ChatMessages
from memos.types import Memory

FINGERPRINT = ModelFingerprint(
    model_id="tiny",
    weights_hash="w",
    tokenizer_hash="t",
    chat_template_hash="c",
    config_hash="g",
    dtype="float32",
    layer_types=("full_attention", "full_attention"),
    layers=2,
    kv_heads=1,
    head_dim=2,
    rope="{}",
)


def state_of(ids: Sequence[int]) -> KVState:
    """A state whose numbers are the token ids, so that a wrong part is seen."""
    tensor = torch.tensor(ids, dtype=torch.float32).reshape(1, -1, 1).expand(1, len(ids), 2).contiguous()
    return KVState(token_ids=tuple(ids), keys=(tensor, tensor + 0.25), values=(tensor + 0.5, tensor + 0.75))


def memory_of(number: int, text: str) -> Memory:
    return Memory(
        id=MemoryId(f"m{number}"),
        cube=CubeId("cube"),
        user=UserId("user"),
        session=SessionId("session"),
        text=text,
        created_at_ms=number,
    )


class FakeEngine:
    """Encodes characters as their code points; a state is the tokens themselves; every answer is the same."""

    def __init__(self) -> None:
        self.prefilled: list[tuple[int, int]] = []  # (tokens in all, tokens of the base)
        self.release = threading.Event()
        self.release.set()

    @property
    def fingerprint(self) -> ModelFingerprint:
        return FINGERPRINT

    def encode(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> list[int]:
        text = "".join(f"<{message['role']}>{message['content']}</>" for message in messages)
        return [ord(character) for character in text + "<assistant>" * add_generation_prompt]

    def prefill(self, ids: Sequence[int], *, base: KVState | None = None) -> KVState:
        self.prefilled.append((len(ids), 0 if base is None else base.token_count))
        assert self.release.wait(10)
        return state_of(ids)

    def stream(
        self, ids: Sequence[int], *, state: KVState | None = None, options: Decoding | None = None
    ) -> Iterator[str]:
        assert state is None or list(state.token_ids) == list(ids)[: state.token_count]
        yield from ("Hello", " there")


@pytest.fixture
def fingerprint() -> ModelFingerprint:
    return FINGERPRINT


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def make_state() -> Callable[[Sequence[int]], KVState]:
    return state_of


@pytest.fixture
def make_memory() -> Callable[[int, str], Memory]:
    return memory_of


@pytest.fixture
def make_artefact() -> Callable[..., NewArtefact]:
    """An artefact of tokens 0, 1, 2 ... unless told otherwise."""

    def make(
        ids: Sequence[int] = range(40),
        *,
        system: str = "system",
        memories: Sequence[str] = ("m1",),
        built_at_ms: int = 1,
        model: ModelFingerprint = FINGERPRINT,
    ) -> NewArtefact:
        return NewArtefact(
            fingerprint=model,
            system_hash=system,
            memories=tuple(MemoryRef(id=MemoryId(name), version=1) for name in memories),
            state=state_of(ids),
            built_at_ms=built_at_ms,
            build_ms=1.0,
        )

    return make
