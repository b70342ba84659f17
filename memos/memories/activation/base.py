"""What memories that are held as items have in common, and what an activation memory adds.

HeldMemory              items of one cube in this process, written and read as one dump
├── BaseActMemory       states of a model: kv_cache, vllm_kv_cache
└── BaseParaMemory      parameters of a model: lora (memos/memories/parametric/base.py)
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar, cast

from memos.errors import InvalidRequest, NotFound
from memos.memories.activation.item import HeldItem

ItemT = TypeVar("ItemT", bound=HeldItem)


class HeldMemory(ABC, Generic[ItemT]):
    """Items by id. Thread-safe. Errors: InvalidRequest, NotFound, Unavailable when a model or disk is away, Corrupt."""

    def __init__(self) -> None:
        self._items: dict[str, ItemT] = {}
        self._lock = threading.Lock()

    def add(self, memories: Any) -> list[str]:
        """Hold one item or several and return their ids, in order; all or none.

        An item whose id is there already is replaced.
        """
        several = _listed(memories)
        items = [self._accept(given, f"memories[{position}]") for position, given in enumerate(several)]
        self._hold(items)
        return [item.id for item in items]

    def get(self, memory_id: str) -> ItemT:
        """One item. Raises NotFound."""
        return self._require([memory_id])[0]

    def get_by_ids(self, memory_ids: Sequence[str]) -> list[ItemT]:
        """Those of the ids that exist, in the order given."""
        with self._lock:
            return [self._items[name] for name in memory_ids if name in self._items]

    def get_all(self) -> list[ItemT]:
        """Every item, in the order of adding."""
        with self._lock:
            return list(self._items.values())

    def update(self, memory_id: str, new_memory: Any) -> ItemT:
        """Replace what is held under an id, which stays. Raises NotFound."""
        item = self._accept(new_memory, "new_memory").with_id(memory_id)
        with self._lock:
            if memory_id not in self._items:
                raise _not_found(memory_id)
            self._items[memory_id] = item
        return item

    def delete(self, memory_ids: Sequence[str] | str) -> int:
        """Remove items for good; returns how many there were."""
        names = [memory_ids] if isinstance(memory_ids, str) else memory_ids
        with self._lock:
            return sum(self._items.pop(name, None) is not None for name in names)

    def delete_all(self) -> int:
        """Remove every item for good; returns how many there were."""
        with self._lock:
            count = len(self._items)
            self._items.clear()
        return count

    def drop(self) -> None:
        """Remove every item; the object can be used again. Dumps stay."""
        self.delete_all()

    def close(self) -> None:
        """Give connections back, where there are any."""

    def search(self, query: str, top_k: int = 5) -> NoReturn:
        """Always raises InvalidRequest: a model's state or parameters have no meaning that a query could be near to."""
        raise InvalidRequest(
            f"{type(self).__name__} cannot be searched for {query!r:.40} (top_k={top_k}): it holds what a model "
            "computed, not statements; search the textual memory, or read this one with get_all"
        )

    @abstractmethod
    def dump(self, directory: str | Path) -> None:
        """Write all items into ``directory``, whole or not at all; it replaces the dump that is there."""

    @abstractmethod
    def load(self, directory: str | Path) -> int:
        """Add the items of a dump under their own ids, all or none; returns how many. Raises NotFound, Corrupt."""

    @abstractmethod
    def _accept(self, given: object, what: str) -> ItemT:
        """What a caller handed over as an item of this memory. Raises InvalidRequest."""

    def _hold(self, items: Sequence[ItemT]) -> None:
        with self._lock:
            self._items.update({item.id: item for item in items})

    def _require(self, memory_ids: Sequence[str]) -> list[ItemT]:
        with self._lock:
            for name in memory_ids:
                if name not in self._items:
                    raise _not_found(name)
            return [self._items[name] for name in memory_ids]


class BaseActMemory(HeldMemory[ItemT]):
    """Computed states of prompts, for prompts that begin in the same way."""

    @abstractmethod
    def extract(self, messages: str | Sequence[Mapping[str, Any]]) -> ItemT:
        """Compute the state of a conversation, or of a text as the system message. Holds nothing."""

    @abstractmethod
    def get_cache(self, memory_ids: Sequence[str]) -> ItemT:
        """One state for several items in this order, exact. Raises NotFound. Holds nothing new."""


def _listed(given: Any) -> list[object]:
    several = isinstance(given, Sequence) and not isinstance(given, str)
    return list(cast(Sequence[object], given)) if several else [given]


def _not_found(memory_id: str) -> NotFound:
    return NotFound(f"there is no memory {memory_id!r:.80} here; get_all lists those that are")
