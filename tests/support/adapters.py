"""LoRA adapters in peft's layout, made of random numbers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Layers = Mapping[str, tuple[int, int]]
"""How many numbers go into each changed layer and come out of it, by its name."""

SMOLLM_LAYERS: Layers = {f"model.layers.{number}.self_attn.v_proj": (576, 192) for number in range(30)}


def write_adapter(
    directory: Path, *, rank: int = 2, width: int = 8, module: str = "layers.0.q_proj", seed: int = 0, **config: Any
) -> Path:
    """An adapter of one module; ``config`` changes fields of its adapter_config.json."""
    return write_layers(directory, {module: (width, width)}, rank=rank, seed=seed, **config)


def write_layers(directory: Path, layers: Layers, *, rank: int = 2, seed: int = 0, **config: Any) -> Path:
    """An adapter of these layers; ``config`` changes fields of its adapter_config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, (width, height) in layers.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = torch.randn(rank, width, generator=generator)
        tensors[f"base_model.model.{name}.lora_B.weight"] = torch.randn(height, rank, generator=generator)
    save_file(tensors, directory / "adapter_model.safetensors")
    written = {
        "peft_type": "LORA",
        "base_model_name_or_path": "tiny",
        "r": rank,
        "lora_alpha": 4,
        "target_modules": sorted({name.rpartition(".")[2] for name in layers}),
        **config,
    }
    (directory / "adapter_config.json").write_text(json.dumps(written), encoding="utf-8")
    return directory


def write_smollm_adapter(directory: Path, *, seed: int = 0, lora_alpha: float = 0.1) -> Path:
    """An adapter of smollm2-135m under which it says something else, and not only noise."""
    return write_layers(directory, SMOLLM_LAYERS, seed=seed, lora_alpha=lora_alpha)
