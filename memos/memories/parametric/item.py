"""What a parametric memory holds: an adapter's two files, byte by byte."""

from datetime import datetime
from pathlib import Path

from pydantic import Field

from memos.kv.bundle import disk_errors
from memos.kv.files import write_whole
from memos.memories.activation.item import HeldItem
from memos.memories.item import ItemPart
from memos.memories.parametric.adapter import CONFIG_FILE, WEIGHTS_FILE


class LoRAMetadata(ItemPart):
    """What an adapter says of itself. ``modules`` is how many of the model's layers it changes."""

    base_model: str
    rank: int = Field(ge=1)
    alpha: float
    target_modules: tuple[str, ...]
    modules: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    created_at: datetime


class LoRAItem(HeldItem):
    """An adapter in peft's layout: ``config`` and ``weights`` are its files' bytes, as they were given."""

    metadata: LoRAMetadata
    config: bytes = Field(repr=False, exclude=True)
    weights: bytes = Field(repr=False, exclude=True)

    def save(self, directory: str | Path) -> Path:
        """Write the adapter where peft can load it from; returns the directory. Raises Unavailable("disk")."""
        target = Path(directory)
        with disk_errors(target):
            target.mkdir(parents=True, exist_ok=True)
            write_whole(target / CONFIG_FILE, self.config)
            write_whole(target / WEIGHTS_FILE, self.weights)
        return target
