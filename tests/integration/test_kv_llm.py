"""A language model in this process, through the door that every other one has."""

import shutil
import threading
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.kv.engines.base import Decoding
from memos.kv.engines.registry import shared_engine
from memos.kv.engines.transformers import TransformersEngine
from memos.llms.factory import LLMFactory
from memos.llms.huggingface import HuggingFaceLLM, with_schema
from memos.models.resolve import resolve_model
from memos.settings import Settings

pytestmark = pytest.mark.models

CHAT = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
TINY = {
    "vocab_size": 49152,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.4,
    "eos_token_id": 2,
}


@pytest.fixture(scope="module")
def smollm(model_cache: Path) -> Path:
    return resolve_model("smollm2-135m", Settings(model_cache=model_cache))


@pytest.fixture
def llm(smollm: Path) -> HuggingFaceLLM:
    return HuggingFaceLLM(HuggingFaceLLMConfig(model_name_or_path=str(smollm), temperature=0, max_tokens=24))


@pytest.fixture
def sliding(tmp_path: Path, smollm: Path) -> TransformersEngine:
    torch.manual_seed(5)
    MistralForCausalLM(MistralConfig(**TINY, sliding_window=8)).save_pretrained(tmp_path)
    return TransformersEngine(with_tokenizer(tmp_path, smollm), device="cpu")


def with_tokenizer(directory: Path, source: Path) -> Path:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(source / name, directory)
    return directory


def test_the_packaged_model_answers(llm: HuggingFaceLLM) -> None:
    assert "Paris" in llm.generate(CHAT)


def test_the_stream_joined_is_the_answer_and_comes_in_pieces(llm: HuggingFaceLLM) -> None:
    pieces = list(llm.generate_stream(CHAT))
    assert len(pieces) > 3
    assert "".join(pieces) == llm.generate(CHAT)


def test_the_answer_is_no_longer_than_it_may_be(smollm: Path) -> None:
    short = HuggingFaceLLM(HuggingFaceLLMConfig(model_name_or_path=str(smollm), temperature=0, max_tokens=2))
    assert len(list(short.generate_stream(CHAT))) <= 2


def test_two_models_of_one_directory_share_their_weights(smollm: Path, llm: HuggingFaceLLM) -> None:
    config = LLMConfigFactory.model_validate({"backend": "huggingface", "config": {"model_name_or_path": str(smollm)}})
    other = LLMFactory.from_config(config)
    assert isinstance(other, HuggingFaceLLM)
    assert other.engine is llm.engine


def test_a_schema_is_told_to_the_model_in_the_system_message() -> None:
    schema = {"type": "object", "properties": {"capital": {"type": "string"}}}
    (added, question) = with_schema(CHAT, schema)
    assert added["role"] == "system"
    assert '"capital"' in added["content"]
    assert question == CHAT[0]
    (extended, _) = with_schema([{"role": "system", "content": "Be brief."}, *CHAT], schema)
    assert extended["content"].startswith("Be brief.")
    assert '"capital"' in extended["content"]


def test_an_answer_asked_for_with_a_schema_is_one_string(llm: HuggingFaceLLM) -> None:
    assert llm.generate(CHAT, json_schema={"type": "object"})


def test_threads_get_the_answers_that_they_would_get_alone(llm: HuggingFaceLLM) -> None:
    questions = [[{"role": "user", "content": f"Count from {number}."}] for number in (1, 5)]
    alone = [llm.generate(question) for question in questions]
    together: dict[int, str] = {}

    def ask(number: int) -> None:
        together[number] = llm.generate(questions[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[0], together[1]] == alone


def test_one_seed_gives_one_answer_and_another_seed_another(llm: HuggingFaceLLM) -> None:
    ids = llm.engine.encode([{"role": "user", "content": "Tell me a story."}])

    def sample(seed: int) -> str:
        options = Decoding(max_new_tokens=8, temperature=1.5, seed=seed)
        return "".join(llm.engine.stream(ids, options=options))

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(3)}) > 1


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(tmp_path: Path, smollm: Path) -> None:
    LlamaForCausalLM(LlamaConfig(**TINY)).save_pretrained(tmp_path)
    engine = TransformersEngine(with_tokenizer(tmp_path, smollm), device="cpu")
    with pytest.raises(InvalidRequest, match="64 tokens"):
        engine.stream(engine.encode([{"role": "user", "content": "word " * 100}]))
    fits = engine.encode([{"role": "user", "content": "word " * 25}])
    assert len(list(engine.stream(fits, options=Decoding(max_new_tokens=500)))) <= 64 - len(fits)


def test_a_state_of_another_prompt_is_refused(llm: HuggingFaceLLM) -> None:
    state = llm.engine.prefill(llm.engine.encode(CHAT))
    other = llm.engine.encode([{"role": "system", "content": "Other"}, *CHAT])
    with pytest.raises(InvalidRequest, match="not of a prefix"):
        llm.engine.stream(other, state=state)


def test_a_sliding_window_model_answers_and_keeps_no_states(sliding: TransformersEngine) -> None:
    ids = sliding.encode([{"role": "user", "content": "hello"}])
    assert "".join(sliding.stream(ids, options=Decoding(max_new_tokens=4)))
    with pytest.raises(InvalidConfig, match="sliding_attention"):
        sliding.prefill(ids)
    with pytest.raises(InvalidConfig, match="sliding_attention"):
        _ = sliding.fingerprint


def test_damaged_weights_are_unavailable_and_named(tmp_path: Path, smollm: Path) -> None:
    LlamaForCausalLM(LlamaConfig(**TINY)).save_pretrained(tmp_path)
    weights = with_tokenizer(tmp_path, smollm) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(Unavailable, match=tmp_path.name):
        TransformersEngine(tmp_path, device="cpu").load()


def test_a_directory_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InvalidConfig, match="cannot be used"):
        TransformersEngine(tmp_path).encode(CHAT)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent_is_refused(smollm: Path) -> None:
    with pytest.raises(InvalidConfig, match="no CUDA device"):
        shared_engine(smollm, device="cuda").load()
