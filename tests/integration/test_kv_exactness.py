"""Invariant 9: with an artefact or without, a model computes the same."""

import hashlib
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from memos.clock import SystemClock
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId
from memos.kv.build import BuildReport, KVBuilder
from memos.kv.chat import CachedChat
from memos.kv.engines.base import Decoding
from memos.kv.engines.registry import shared_engine
from memos.kv.engines.transformers import TransformersEngine
from memos.kv.lookup import Found
from memos.kv.prefix import PromptLayout, build_chat, stable_block
from memos.kv.store import ArtefactStore
from memos.models.resolve import resolve_model
from memos.settings import Settings
from memos.types import Memory

pytestmark = pytest.mark.models

CUBE = CubeId("cube")
PROMPT = "You are a helpful assistant who remembers what the user said."
GREEDY = Decoding(max_new_tokens=16)
FACTS = (
    "Caroline moved from Lisbon to Zürich in March 2021.",
    "Her sister Melanie keeps three cats; the oldest is called Möbius 🐈.",
    "Caroline is allergic to peanuts, and carries an injector with her.",
    "On Fridays she plays the viola in a quartet that meets at nine.",
    "She wants to see the northern lights before she turns forty.",
    "Her flat has two rooms and a balcony to the south.",
)


def memories(count: int) -> list[Memory]:
    return [
        Memory(
            id=MemoryId(f"m{number}"),
            cube=CUBE,
            user=UserId("user"),
            session=SessionId("session"),
            text=FACTS[number],
            created_at_ms=number,
        )
        for number in range(count)
    ]


def ask(count: int, query: str = "Where does Caroline live?") -> list[dict[str, str]]:
    return build_chat(PromptLayout(stable=stable_block(PROMPT, memories(count)), query=query))


def make_tiny_qwen(directory: Path, tokenizer_of: Path) -> Path:
    """A random model of Qwen2's architecture: four query heads share two key heads."""
    torch.manual_seed(11)
    config = Qwen2Config(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.4,
        tie_word_embeddings=True,
        eos_token_id=2,
    )
    Qwen2ForCausalLM(config).save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tokenizer_of / name, directory)
    return directory


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    engine: TransformersEngine
    root: Path
    store: ArtefactStore
    tenant: TenantId

    def build(self, count: int) -> BuildReport:
        return KVBuilder(self.engine, self.store, SystemClock()).build(self.tenant, CUBE, PROMPT, memories(count))

    def find(self, ids: list[int]) -> Found:
        found = self.store.find_longest(self.tenant, CUBE, self.engine.fingerprint, ids)
        assert isinstance(found, Found)
        return found

    def plain(self, ids: list[int]) -> str:
        return "".join(self.engine.stream(ids, options=GREEDY))

    def answer(self, store: ArtefactStore) -> str:
        stream = CachedChat(self.engine, store).stream(self.tenant, CUBE, ask(5), GREEDY)
        text = "".join(stream)
        assert stream.report.cached_tokens > 100
        return text


@pytest.fixture(scope="module", params=["smollm2", "qwen2-random"])
def engine(
    request: pytest.FixtureRequest, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> TransformersEngine:
    directory = resolve_model("smollm2-135m", Settings(model_cache=model_cache))
    if request.param == "qwen2-random":
        directory = make_tiny_qwen(tmp_path_factory.mktemp("qwen2-random"), directory)
    return shared_engine(directory, dtype="float32", device="cpu")


@pytest.fixture
def setup(engine: TransformersEngine, tmp_path: Path, tenant: TenantId) -> Setup:
    return Setup(engine=engine, root=tmp_path, store=ArtefactStore(tmp_path), tenant=tenant)


def assert_same_logits(setup: Setup, ids: list[int], found: Found) -> None:
    plain, reused = setup.engine.logits(ids), setup.engine.logits(ids, state=found.state)
    assert float((plain - reused).abs().max()) < 1e-3
    assert int(plain.argmax()) == int(reused.argmax())


def test_logits_with_an_artefact_are_those_of_plain_prefill(setup: Setup) -> None:
    setup.build(5)
    for query in ("Where does Caroline live?", "\n\n7!", "Was spielt sie freitags? 🎻"):
        ids = setup.engine.encode(ask(5, query))
        found = setup.find(ids)
        assert found.state.token_count == found.manifest.token_count
        assert_same_logits(setup, ids, found)


def test_the_same_text_comes_fresh_after_twenty_uses_and_after_loading(setup: Setup) -> None:
    setup.build(5)
    (file,) = setup.root.rglob("*.safetensors")
    ids = setup.engine.encode(ask(5))
    found = setup.find(ids)
    on_disk, in_ram = hashlib.sha256(file.read_bytes()).digest(), [key.clone() for key in found.state.keys]
    expected = setup.plain(ids)
    assert setup.answer(setup.store) == expected
    for number in range(20):
        chat = CachedChat(setup.engine, setup.store)
        "".join(chat.stream(setup.tenant, CUBE, ask(5, f"Question {number}?"), Decoding(max_new_tokens=2)))
    assert setup.answer(setup.store) == expected
    assert setup.answer(ArtefactStore(setup.root)) == expected
    assert hashlib.sha256(file.read_bytes()).digest() == on_disk
    assert all(map(torch.equal, setup.find(ids).state.keys, in_ram))


def test_an_extended_artefact_is_the_one_that_a_build_from_nothing_gives(setup: Setup, tmp_path: Path) -> None:
    setup.build(3)
    extended = setup.build(5)
    assert extended.reused_tokens > extended.token_count // 2
    whole = Setup(
        engine=setup.engine, root=tmp_path / "whole", store=ArtefactStore(tmp_path / "whole"), tenant=setup.tenant
    )
    assert whole.build(5).reused_tokens == 0
    ids = setup.engine.encode(ask(5))
    left, right = setup.find(ids).state, whole.find(ids).state
    assert left.token_ids == right.token_ids
    for one, other in zip((*left.keys, *left.values), (*right.keys, *right.values), strict=True):
        assert float((one - other).abs().max()) < 1e-3
    assert setup.answer(setup.store) == whole.answer(whole.store) == setup.plain(ids)


def test_a_prefix_that_has_grown_since_the_build_is_used_as_far_as_it_goes(setup: Setup) -> None:
    built = setup.build(4)
    ids = setup.engine.encode(ask(5))
    found = setup.find(ids)
    assert built.token_count - 5 <= found.state.token_count < built.token_count
    assert_same_logits(setup, ids, found)


def test_the_last_token_is_computed_even_if_the_state_has_it(setup: Setup) -> None:
    ids = setup.engine.encode(ask(2))
    state = setup.engine.prefill(ids)
    assert "".join(setup.engine.stream(ids, state=state, options=GREEDY)) == setup.plain(ids)
    assert setup.engine.prefill(ids, base=state) is state


def test_prefill_in_pieces_is_prefill_in_one(setup: Setup) -> None:
    ids = setup.engine.encode(ask(6)) * 4
    assert len(ids) > 512  # more than the engine computes at once
    state = setup.engine.prefill(ids[:300])
    state = setup.engine.prefill(ids, base=state)
    whole = setup.engine.prefill(ids)
    for one, other in zip(state.keys, whole.keys, strict=True):
        assert float((one - other).abs().max()) < 1e-3


_BUILDER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from memos.clock import SystemClock
    from memos.ids import CubeId, TenantId
    from memos.kv.build import KVBuilder
    from memos.kv.engines.transformers import TransformersEngine
    from memos.kv.store import ArtefactStore

    engine = TransformersEngine(Path(sys.argv[1]), threads=1, device="cpu")
    engine.load()
    print("ready", flush=True)
    sys.stdin.readline()
    builder = KVBuilder(engine, ArtefactStore(Path(sys.argv[2])), SystemClock())
    print(builder.build(TenantId("t"), CubeId("c"), "You remember. " * 40, []).skipped)
""")


def test_two_processes_build_one_prefix_once(model_cache: Path, tmp_path: Path) -> None:
    model = make_tiny_qwen(tmp_path / "model", resolve_model("smollm2-135m", Settings(model_cache=model_cache)))
    command = [sys.executable, "-c", _BUILDER, str(model), str(tmp_path / "kv")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = [process.communicate("\n", timeout=60)[0] for process in processes]
    assert sorted(outputs) == ["None\n", "it is stored already\n"]
    assert len(list((tmp_path / "kv").rglob("*.safetensors"))) == 1
