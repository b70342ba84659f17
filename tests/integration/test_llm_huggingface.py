"""What is a model's own that runs in this process. The rest is in the contract and in test_kv_llm.py."""

from pathlib import Path
from typing import Any

import pytest

from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.errors import InvalidConfig
from memos.kv.engines.base import Decoding
from memos.llms.base import MeteredLLM, Usage
from memos.llms.factory import LLMFactory
from memos.llms.huggingface import HuggingFaceLLM
from memos.settings import Settings

pytestmark = pytest.mark.models

MODEL = "smollm2-135m"
ASK = [{"role": "user", "content": "Tell me a story."}]


def _open(backend: str, **config: Any) -> MeteredLLM:
    values = {"backend": backend, "config": {"model_name_or_path": MODEL, **config}}
    return LLMFactory.from_config(LLMConfigFactory.model_validate(values))


def test_equal_configurations_share_one_object_and_others_do_not() -> None:
    one = _open("huggingface_singleton", max_tokens=4)
    assert _open("huggingface_singleton", max_tokens=4) is one
    assert _open("huggingface_singleton", max_tokens=5) is not one
    assert _open("huggingface", max_tokens=4) is not one


def test_a_directory_of_another_machine_is_another_object(tmp_path: Path, model_cache: Path) -> None:
    (tmp_path / "aliases.json").write_text(f'{{"mine": "{model_cache / MODEL}"}}', encoding="utf-8")
    settings = Settings(model_aliases=tmp_path / "aliases.json", model_cache=model_cache)
    config = LLMConfigFactory.model_validate(
        {"backend": "huggingface_singleton", "config": {"model_name_or_path": "mine"}}
    )
    named = LLMFactory.from_config(config, settings=settings)
    assert LLMFactory.from_config(config, settings=settings) is named
    assert named is not _open("huggingface_singleton")


def test_an_answer_without_sampling_is_the_greedy_one() -> None:
    greedy = _open("huggingface", temperature=0, max_tokens=4).generate(ASK)
    assert (
        _open("huggingface", do_sample=False, temperature=2.0, top_k=1000, top_p=1.0, max_tokens=4).generate(ASK)
        == greedy
    )
    assert HuggingFaceLLM(HuggingFaceLLMConfig(model_name_or_path=MODEL, temperature=2.0)).decoding.temperature == 2.0


def test_the_cost_is_told_when_the_answer_is_complete() -> None:
    told: list[Usage] = []
    pieces = _open("huggingface", temperature=0, max_tokens=3).generate_stream(ASK, on_usage=told.append)
    next(pieces)
    assert told == []
    list(pieces)
    assert [usage.completion_tokens for usage in told] == [3]


def test_sampling_is_as_configured() -> None:
    sampled = _open("huggingface", temperature=0.7, top_p=0.5, top_k=3, max_tokens=9)
    assert isinstance(sampled, HuggingFaceLLM)
    assert sampled.decoding == Decoding(max_new_tokens=9, temperature=0.7, top_p=0.5, top_k=3)
    greedy = _open("huggingface", temperature=0, max_tokens=6).generate(ASK)
    for bound in ({"top_k": 1}, {"top_p": 1e-6}):
        assert _open("huggingface", temperature=2.0, max_tokens=6, **bound).generate(ASK) == greedy


def test_the_prompt_opens_the_answer_unless_it_shall_not() -> None:
    told: list[Usage] = []
    for opens in (True, False):
        _open("huggingface", temperature=0, max_tokens=1, add_generation_prompt=opens).generate(
            ASK, on_usage=told.append
        )
    assert told[0].prompt_tokens > told[1].prompt_tokens


def test_a_thought_stays_only_where_it_shall() -> None:
    for removes in (True, False):
        llm = _open("huggingface", remove_think_prefix=removes)
        assert isinstance(llm, HuggingFaceLLM)
        assert llm.keeps_thoughts is not removes


def test_weights_are_of_the_configured_type_and_place() -> None:
    import torch

    short, exact = (_open("huggingface", dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert isinstance(short, HuggingFaceLLM)
    assert isinstance(exact, HuggingFaceLLM)
    assert short.engine is not exact.engine
    assert short.engine.fingerprint.dtype == "bfloat16"
    if not torch.cuda.is_available():
        with pytest.raises(InvalidConfig, match="no CUDA device"):
            _open("huggingface", device="cuda").generate(ASK)
