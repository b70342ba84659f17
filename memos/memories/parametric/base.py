"""What a parametric memory is: changes of a model's weights, held as items. See memos/memories/activation/base.py."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from memos.memories.activation.base import HeldMemory, ItemT


class BaseParaMemory(HeldMemory[ItemT]):
    """Trained parameters of one cube."""

    @abstractmethod
    def extract(self, messages: str | Sequence[Mapping[str, Any]]) -> ItemT:
        """Train parameters on a conversation."""
