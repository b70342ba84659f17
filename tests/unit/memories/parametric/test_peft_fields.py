"""What peft is told of an adapter, and which settings of its configuration are refused."""

import json
from typing import Any

import pytest

from memos.errors import InvalidRequest
from memos.memories.parametric.adapter import Pair
from memos.memories.parametric.peft_fields import check_complete, fields_for_peft

PAIRS = [Pair(module=f"layers.{number}.q_proj", down=(2, 8), up=(8, 2), is_embedding=False) for number in range(2)]
# As peft 0.21 writes it.
WRITTEN: dict[str, Any] = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "auto_mapping": {"base_model_class": "LlamaForCausalLM", "parent_library": "os"},
    "base_model_name_or_path": "tiny",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "layers_to_transform": [0, 1],
    "loftq_config": {},
    "lora_alpha": 4,
    "lora_dropout": 0.1,
    "megatron_config": None,
    "megatron_core": "os",
    "modules_to_save": None,
    "peft_type": "LORA",
    "qalora_group_size": 16,
    "r": 2,
    "rank_pattern": {},
    "target_modules": "(a+)+$",
    "task_type": "CAUSAL_LM",
    "use_dora": False,
    "use_rslora": False,
}


def told(**changed: Any) -> dict[str, Any]:
    return fields_for_peft(json.dumps({**WRITTEN, **changed}).encode(), PAIRS, "adapter x")


def test_peft_is_told_the_scaling_and_the_very_layers_that_the_file_changes() -> None:
    assert told() == {
        "r": 2,
        "lora_alpha": 4,
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "target_modules": ["layers.0.q_proj", "layers.1.q_proj"],
    }


def test_every_way_of_scaling_is_passed_on() -> None:
    scaling: dict[str, Any] = {
        "r": 3,
        "lora_alpha": 1.5,
        "use_rslora": True,
        "rank_pattern": {"layers.1.q_proj": 7},
        "alpha_pattern": {"^layers.0.q_proj": 0.5},
    }
    assert {name: value for name, value in told(**scaling).items() if name in scaling} == scaling


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("megatron_config", {"tensor_model_parallel_size": 1}),
        ("layer_replication", [[0, 1], [0, 1]]),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "lora_ga"),
        ("bias", "lora_only"),
        ("modules_to_save", ["lm_head"]),
        ("use_dora", True),
        ("target_parameters", ["experts.gate"]),
        ("alora_invocation_tokens", [1]),
        ("a_field_of_next_year", 1),
    ],
)
def test_a_setting_that_would_change_more_than_the_layers_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"adapter x: adapter_config.json sets {field}, which is not applied here"):
        told(**{field: value})


@pytest.mark.parametrize("start", [None, True, False, "gaussian", "orthogonal", "eva"])
def test_how_its_training_began_plays_no_role_where_the_model_stayed_as_it_was(start: Any) -> None:
    assert told(init_lora_weights=start) == told()


@pytest.mark.parametrize("pattern", ["(a+)+", "q_proj|v_proj", ".*", "", "q" * 301])
def test_a_regular_expression_of_the_files_own_is_not_run(pattern: str) -> None:
    for field in ("rank_pattern", "alpha_pattern"):
        with pytest.raises(InvalidRequest, match=field):
            told(**{field: {pattern: 1}})


def test_an_alpha_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="lora_alpha"):
        told(lora_alpha=float("nan"))


def test_one_missing_layer_is_enough_to_belong_to_another_model() -> None:
    check_complete(PAIRS, {"layers.0.q_proj.weight": (8, 8), "layers.1.q_proj.weight": (8, 8)}, "adapter x")
    with pytest.raises(InvalidRequest, match=r"changes layers.1.q_proj, .* \(1 of 2 layers are missing\)"):
        check_complete(PAIRS, {"layers.0.q_proj.weight": (8, 8)}, "adapter x")
