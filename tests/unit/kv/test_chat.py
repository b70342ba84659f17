from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import InvalidConfig
from memos.ids import CubeId, TenantId
from memos.kv.build import KVBuilder
from memos.kv.chat import CachedChat
from memos.kv.prefix import PromptLayout, build_chat, stable_block
from memos.kv.store import ArtefactStore
from memos.types import Memory

TENANT, CUBE = TenantId("tenant"), CubeId("cube")
PROMPT = "You are an assistant who remembers."
Make = Callable[[int, str], Memory]


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path / "kv")


def ask(query: str, memories: list[Memory]) -> list[dict[str, str]]:
    return build_chat(PromptLayout(stable=stable_block(PROMPT, memories), query=query))


def test_a_chat_starts_from_the_stored_prefix_and_reports_it(
    engine: Any, store: ArtefactStore, make_memory: Make
) -> None:
    memories = [make_memory(1, "Ann likes tea.")]
    built = KVBuilder(engine, store, ManualClock()).build(TENANT, CUBE, PROMPT, memories)
    stream = CachedChat(engine, store, ManualClock()).stream(TENANT, CUBE, ask("What?", memories))
    assert stream.report.ttft_ms is None
    assert "".join(stream) == "Hello there"
    report = stream.report
    assert (report.cached_tokens, report.tier, report.miss) == (built.token_count, "ram", None)
    assert report.prompt_tokens > report.cached_tokens
    assert report.ttft_ms == 0


def test_a_chat_without_an_artefact_answers_and_says_why(engine: Any, store: ArtefactStore) -> None:
    stream = CachedChat(engine, store).stream(TENANT, CUBE, ask("What?", []))
    assert "".join(stream) == "Hello there"
    assert stream.report.cached_tokens == 0
    assert stream.report.tier is None
    assert stream.report.miss == "no artefact is stored for this cube"


def test_a_chat_that_wants_no_reuse_gets_none(engine: Any, store: ArtefactStore, make_memory: Make) -> None:
    memories = [make_memory(1, "tea")]
    KVBuilder(engine, store, ManualClock()).build(TENANT, CUBE, PROMPT, memories)
    stream = CachedChat(engine, store).stream(TENANT, CUBE, ask("What?", memories), reuse=False)
    assert stream.report.cached_tokens == 0
    assert stream.report.miss == "reuse was not wanted"


def test_a_store_that_cannot_be_read_costs_no_answer(engine: Any, tmp_path: Path, make_memory: Make) -> None:
    store = ArtefactStore(tmp_path / "kv")
    KVBuilder(engine, store, ManualClock()).build(TENANT, CUBE, PROMPT, [make_memory(1, "tea")])
    (tensors,) = tmp_path.rglob("*.safetensors")
    tensors.unlink()
    tensors.mkdir()
    stream = CachedChat(engine, ArtefactStore(tmp_path / "kv")).stream(
        TENANT, CUBE, ask("What?", [make_memory(1, "tea")])
    )
    assert "".join(stream) == "Hello there"
    assert stream.report.miss is not None


def test_a_model_whose_states_cannot_be_kept_still_answers(engine: Any, store: ArtefactStore) -> None:
    class Sliding(type(engine)):  # type: ignore[misc]
        @property
        def fingerprint(self) -> Any:
            raise InvalidConfig("layers of type sliding_attention")

    stream = CachedChat(Sliding(), store).stream(TENANT, CUBE, ask("What?", []))
    assert "".join(stream) == "Hello there"
    assert stream.report.miss == "layers of type sliding_attention"
