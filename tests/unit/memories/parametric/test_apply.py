"""An adapter in a model: the numbers are those of its matrices, and the model that lent its weights stays as it was."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest
from memos.kv.engines.adapted import copy_structure
from memos.memories.parametric.apply import LoRAAdapter
from memos.memories.parametric.item import LoRAItem
from memos.memories.parametric.lora import LoRAMemory
from tests.support.adapters import write_layers

LAYER = "model.layers.1.self_attn.q_proj"
LAYERS = {LAYER: (8, 8), "model.layers.0.mlp.down_proj": (16, 8)}
TOKENS = torch.arange(12).unsqueeze(0)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(1)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2)
    ).eval()


def item_of(directory: Path) -> LoRAItem:
    return LoRAMemory(LoRAMemoryConfig()).read_adapter(directory)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS).logits


def merged_by_hand(model: Any, directory: Path, scales: dict[str, float]) -> Any:
    """The model with s B A added to its weights."""
    tensors = load_file(directory / "adapter_model.safetensors")
    for name, scale in scales.items():
        stem = f"base_model.model.{name}"
        weight = model.get_submodule(name).weight
        weight.data += scale * tensors[f"{stem}.lora_B.weight"] @ tensors[f"{stem}.lora_A.weight"]
    return model


def apply(item: LoRAItem, model: Any) -> Any:
    return LoRAAdapter(item=item).apply(copy_structure(model))


@pytest.mark.parametrize(
    ("config", "scales"),
    [
        ({}, dict.fromkeys(LAYERS, 4 / 2)),
        ({"lora_alpha": 6, "use_rslora": True}, dict.fromkeys(LAYERS, 6 / 2**0.5)),
        ({"alpha_pattern": {"q_proj": 1}}, {LAYER: 1 / 2, "model.layers.0.mlp.down_proj": 4 / 2}),
        ({"r": 5, "rank_pattern": {"q_proj": 2, "down_proj": 2}}, dict.fromkeys(LAYERS, 4 / 2)),
    ],
)
def test_a_layer_computes_what_its_weight_and_both_matrices_say(
    model: Any, tmp_path: Path, config: dict[str, Any], scales: dict[str, float]
) -> None:
    directory = write_layers(tmp_path, LAYERS, **config)
    adapted = logits(apply(item_of(directory), model))
    plain = logits(model)
    by_hand = logits(merged_by_hand(model, directory, scales))
    assert float((adapted - by_hand).abs().max()) < 1e-5
    assert float((adapted - plain).abs().max()) > 0.01


def test_the_model_that_lends_its_weights_answers_and_weighs_as_before(model: Any, tmp_path: Path) -> None:
    before, named = logits(model), {name: tensor.clone() for name, tensor in model.named_parameters()}
    adapted = apply(item_of(write_layers(tmp_path, LAYERS)), model)
    logits(adapted)
    assert torch.equal(logits(model), before)
    assert all(torch.equal(named[name], tensor) for name, tensor in model.named_parameters())
    lent = {tensor.data_ptr() for tensor in model.parameters()}
    own = sum(tensor.numel() for tensor in adapted.parameters() if tensor.data_ptr() not in lent)
    assert own == sum(2 * (width + height) for width, height in LAYERS.values())


def test_two_adapters_of_one_model_do_not_meet(model: Any, tmp_path: Path) -> None:
    items = [item_of(write_layers(tmp_path / str(seed), LAYERS, seed=seed)) for seed in range(2)]
    alone = [logits(apply(item, model)) for item in items]
    both = [apply(item, model) for item in items]
    assert [torch.equal(logits(adapted), one) for adapted, one in zip(both, alone, strict=True)] == [True, True]
    assert not torch.equal(*alone)


def test_in_half_precision_it_gives_what_peft_gives(model: Any, tmp_path: Path) -> None:
    from peft import PeftModel

    model = model.to(torch.bfloat16)
    item = item_of(write_layers(tmp_path, {f"model.layers.{number}.self_attn.q_proj": (8, 8) for number in range(2)}))
    adapted = logits(apply(item, model))
    assert torch.equal(adapted, logits(PeftModel.from_pretrained(model, str(tmp_path))))


def test_the_digest_is_of_both_files_and_of_nothing_else(tmp_path: Path) -> None:
    first = item_of(write_layers(tmp_path / "a", LAYERS))
    same, scaled, other = (
        item_of(write_layers(tmp_path / name, LAYERS, **changed))
        for name, changed in {"b": {}, "c": {"lora_alpha": 5}, "d": {"seed": 1}}.items()
    )
    digests = [LoRAAdapter(item=item).digest for item in (first, same, scaled, other)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ({**LAYERS, "model.layers.2.self_attn.q_proj": (8, 8)}, "changes model.layers.2.self_attn.q_proj, which the"),
        ({**LAYERS, LAYER: (8, 4)}, "of shape .4, 8., and the model's has .8, 8."),
        ({"model.norm": (1, 8)}, "of shape"),
    ],
)
def test_an_adapter_of_another_model_is_refused(
    model: Any, tmp_path: Path, layers: dict[str, tuple[int, int]], why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        apply(item_of(write_layers(tmp_path, layers)), model)


def test_a_tensor_that_no_layer_takes_is_named_and_refused(model: Any, tmp_path: Path) -> None:
    path = write_layers(tmp_path, LAYERS) / "adapter_model.safetensors"
    save_file({**load_file(path), "base_model.model.lm_head.weight": torch.zeros(32, 8)}, path)
    with pytest.raises(InvalidRequest, match=r"lm_head\.weight"):
        apply(item_of(tmp_path), model)


def test_values_that_are_no_numbers_are_refused(model: Any, tmp_path: Path) -> None:
    path = write_layers(tmp_path, LAYERS) / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors[f"base_model.model.{LAYER}.lora_B.weight"][0, 0] = float("inf")
    save_file(tensors, path)
    with pytest.raises(InvalidRequest, match="not finite"):
        apply(item_of(tmp_path), model)


def test_a_module_that_the_configuration_names_is_not_imported(model: Any, tmp_path: Path) -> None:
    write_layers(tmp_path / "a", LAYERS)
    (tmp_path / "spy_of_megatron.py").write_text("raise SystemExit('imported')")
    config = tmp_path / "a" / "adapter_config.json"
    named = {"megatron_core": "spy_of_megatron", "megatron_config": {"any": 1}, "auto_mapping": {"parent_library": "x"}}
    config.write_text(json.dumps({**json.loads(config.read_text()), **named}))
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(InvalidRequest, match="megatron_config"):
            apply(item_of(tmp_path / "a"), model)
    finally:
        sys.path.remove(str(tmp_path))
    assert "spy_of_megatron" not in sys.modules


def test_without_peft_it_says_what_to_install(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InvalidConfig, match=r"pip install 'memos\[peft\]'"):
        apply(item_of(write_layers(tmp_path, LAYERS)), model)
