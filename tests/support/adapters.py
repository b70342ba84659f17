"""LoRA adapters in peft's layout, made of random numbers."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file


def write_adapter(
    directory: Path, *, rank: int = 2, width: int = 8, module: str = "layers.0.q_proj", seed: int = 0, **config: Any
) -> Path:
    """An adapter of one module; ``config`` changes fields of its adapter_config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    stem = f"base_model.model.{module}"
    tensors = {
        f"{stem}.lora_A.weight": torch.randn(rank, width, generator=generator),
        f"{stem}.lora_B.weight": torch.randn(width, rank, generator=generator),
    }
    save_file(tensors, directory / "adapter_model.safetensors")
    written = {
        "peft_type": "LORA",
        "base_model_name_or_path": "tiny",
        "r": rank,
        "lora_alpha": 4,
        "target_modules": ["q_proj"],
        **config,
    }
    (directory / "adapter_config.json").write_text(json.dumps(written), encoding="utf-8")
    return directory
