"""Activation and parametric memory on a real model: joined states are exact, stored ones stay as they are."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from memos.configs.activation import KVCacheMemoryConfig
from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import InvalidRequest
from memos.kv.engines.base import Decoding
from memos.kv.engines.transformers import TransformersEngine
from memos.memories.activation.item import KVCacheItem
from memos.memories.activation.kv import KVCacheMemory
from memos.memories.parametric.lora import LoRAMemory
from memos.models.resolve import resolve_model
from memos.settings import Settings

pytestmark = pytest.mark.models

MODEL = "smollm2-135m"
GREEDY = Decoding(max_new_tokens=12)
TURN = [
    {"role": "user", "content": "What is MemOS?"},
    {"role": "assistant", "content": "MemOS is a memory operating system for LLMs."},
]
PARTS = (
    TURN,
    [{"role": "user", "content": "Tell me a joke about a viola."}],
    "Caroline moved from Lisbon to Zürich in March 2021; her cat is called Möbius 🐈.",
)


@pytest.fixture(scope="module")
def settings(model_cache: Path) -> Settings:
    return Settings(model_cache=model_cache)


def open_memory(settings: Settings, **model: Any) -> KVCacheMemory:
    llm = {"backend": "huggingface", "config": {"model_name_or_path": MODEL, "device": "cpu", **model}}
    return KVCacheMemory(KVCacheMemoryConfig.model_validate({"extractor_llm": llm}), settings)


@pytest.fixture(scope="module")
def memory(settings: Settings) -> KVCacheMemory:
    return open_memory(settings)


@pytest.fixture(scope="module")
def items(memory: KVCacheMemory) -> list[KVCacheItem]:
    made = [memory.extract(part) for part in PARTS]
    memory.add(made)
    return made


@pytest.fixture(scope="module")
def base(settings: Settings) -> Any:
    """The model as transformers loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(resolve_model(MODEL, settings), dtype=torch.float32).eval()


def engine_of(memory: KVCacheMemory) -> TransformersEngine:
    assert isinstance(memory.engine, TransformersEngine)
    return memory.engine


def hash_of(items: Iterable[KVCacheItem]) -> str:
    digest = hashlib.sha256()
    for item in items:
        for tensor in (*item.state.keys, *item.state.values):
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("order", [(0, 1), (2, 0, 1), (0, 0)])
def test_a_joined_state_is_that_of_computing_all_tokens(
    memory: KVCacheMemory, items: list[KVCacheItem], order: tuple[int, ...]
) -> None:
    engine = engine_of(memory)
    joined = memory.get_cache([items[number].id for number in order])
    assert list(joined.token_ids) == [token for number in order for token in items[number].token_ids]
    question = engine.encode([{"role": "user", "content": "And where does she live?"}])
    prompt = [*joined.token_ids, *question]
    error = (engine.logits(prompt, state=joined.state) - engine.logits(prompt)).abs().max()
    assert float(error) < 1e-3
    plain = "".join(engine.stream(prompt, options=GREEDY))
    assert "".join(engine.stream(prompt, state=joined.state, options=GREEDY)) == plain


def test_a_state_is_what_a_longer_chat_begins_with(memory: KVCacheMemory, items: list[KVCacheItem]) -> None:
    longer = engine_of(memory).encode([*TURN, {"role": "user", "content": "Why?"}])
    assert tuple(longer[: items[0].state.token_count]) == items[0].token_ids


def test_no_use_changes_a_stored_state(memory: KVCacheMemory, items: list[KVCacheItem], tmp_path: Path) -> None:
    before, engine = hash_of(items), engine_of(memory)
    memory.get_cache([item.id for item in items])
    for item in items:
        prompt = [*item.token_ids, *engine.encode([{"role": "user", "content": "Go on."}])]
        "".join(engine.stream(prompt, state=item.state, options=Decoding(max_new_tokens=3)))
    memory.dump(tmp_path)
    memory.load(tmp_path)
    assert hash_of(items) == hash_of(memory.get_all()) == before


def test_generate_of_transformers_starts_from_an_opened_copy(
    memory: KVCacheMemory, items: list[KVCacheItem], base: Any
) -> None:
    question = engine_of(memory).encode([{"role": "user", "content": "Why?"}])
    prompt = torch.tensor([[*items[0].token_ids, *question]])
    options = {"max_new_tokens": 6, "do_sample": False, "attention_mask": torch.ones_like(prompt)}
    before = hash_of(items)
    plain = base.generate(prompt, **options)
    for room in (0, 64):
        reused = base.generate(prompt, past_key_values=items[0].open_cache(room=room, device="cpu"), **options)
        assert reused.tolist() == plain.tolist()
    assert hash_of(items) == before


def test_states_of_another_type_of_number_are_refused(
    memory: KVCacheMemory, items: list[KVCacheItem], settings: Settings, tmp_path: Path
) -> None:
    memory.dump(tmp_path)
    other = open_memory(settings, dtype="bfloat16")
    with pytest.raises(InvalidRequest, match=r"smollm2-135m \(float32\).*smollm2-135m \(bfloat16\): dtype differs"):
        other.load(tmp_path)


def test_an_adapter_of_peft_survives_a_dump_and_changes_the_answer_as_before(
    settings: Settings, tmp_path: Path, base: Any
) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(3)
    plain = logits(base)
    # Without init_lora_weights, an adapter is no identity, as after training.
    config = LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    adapted: Any = get_peft_model(base, config)
    adapted.save_pretrained(str(tmp_path / "trained"))
    trained = logits(adapted)
    bare = adapted.unload()
    assert torch.equal(logits(bare), plain)
    saved = dump_and_load(settings, tmp_path)
    reloaded = logits(PeftModel.from_pretrained(bare, str(saved)))
    assert float((reloaded - plain).abs().max()) > 0.1
    assert torch.equal(reloaded, trained)


def dump_and_load(settings: Settings, folder: Path) -> Path:
    """Where the adapter in ``folder`` is after a dump and a load."""
    llm = {"backend": "huggingface", "config": {"model_name_or_path": MODEL}}
    memory = LoRAMemory(LoRAMemoryConfig.model_validate({"extractor_llm": llm}), settings)
    (name,) = memory.add(folder / "trained")
    assert memory.get(name).metadata.modules == 60
    memory.dump(folder / "dump")
    memory.drop()
    assert memory.load(folder / "dump") == 1
    return memory.get(name).save(folder / "saved")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(1, 40).unsqueeze(0)).logits
