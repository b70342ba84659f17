"""What every textual memory does, whatever it is kept in. The same words mean the same in all of them.

naive_text       in RAM, words and embeddings if there is an embedder; needs no server
general_text     rows of Milvus
tree_text        a graph (Neo4j) with Milvus as its index; adds edges and paths
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, cast

from memos.errors import InvalidRequest, NotFound
from memos.memories.textual.item import TextualMemoryItem
from memos.recall.options import SearchKeywords

Given = TextualMemoryItem | Mapping[str, Any] | str
"""An item, its fields, or just its text."""


class BaseTextMemory(ABC):
    """Memories of one cube. Errors: InvalidRequest, NotFound, Unavailable when a server or model is away, Corrupt."""

    @abstractmethod
    def add(self, memories: Sequence[Given] | Given) -> list[str]:
        """Store items and return their ids, in order. An item whose id is there already is replaced."""

    @abstractmethod
    def get_by_ids(self, memory_ids: Sequence[str]) -> list[TextualMemoryItem]:
        """Those of the ids that exist, in the order given."""

    @abstractmethod
    def get_all(self) -> list[TextualMemoryItem]:
        """Every active item, the oldest first."""

    @abstractmethod
    def update(self, memory_id: str, new_memory: Given) -> TextualMemoryItem:
        """Replace text and attributes under the same id, with the next version. Raises NotFound."""

    @abstractmethod
    def delete(self, memory_ids: Sequence[str]) -> int:
        """Remove items for good; returns how many there were."""

    @abstractmethod
    def delete_all(self) -> int:
        """Remove every item for good; returns how many there were."""

    @abstractmethod
    def search(self, query: str, top_k: int = 5, **options: Unpack[SearchKeywords]) -> list[TextualMemoryItem]:
        """The best items, best first, each with its score, within the options (SearchKeywords).

        Never one that is archived or has expired. Raises InvalidRequest for a mode that asks a model.
        """

    @abstractmethod
    def extract(self, messages: Sequence[Mapping[str, Any]]) -> list[TextualMemoryItem]:
        """What is worth remembering of a conversation. Stores nothing."""

    @abstractmethod
    def dump(self, directory: str | Path) -> None:
        """Write all items into ``directory``, whole or not at all."""

    @abstractmethod
    def load(self, directory: str | Path) -> int:
        """Add the items of a dump under their own ids and versions; returns how many. Raises NotFound, Corrupt."""

    @abstractmethod
    def drop(self) -> None:
        """Remove every item and what was made to keep them; the object can be used again."""

    @abstractmethod
    def close(self) -> None:
        """Give connections back."""

    def get(self, memory_id: str) -> TextualMemoryItem:
        """One item. Raises NotFound."""
        found = self.get_by_ids([memory_id])
        if not found:
            raise NotFound(f"there is no memory {memory_id!r:.80}")
        return found[0]

    def history(self, memory_id: str) -> list[TextualMemoryItem]:
        """The item between those that it took the place of and those that took its place, oldest first.

        It stands alone where memories take no place of each other. Raises NotFound.
        """
        return [self.get(memory_id)]


def parse_items(given: Sequence[Given] | Given) -> list[TextualMemoryItem]:
    """What a caller handed over, as items. Raises InvalidRequest, naming the position."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [parse_item(item, f"memories[{position}]") for position, item in enumerate(several)]


def parse_item(given: object, what: str) -> TextualMemoryItem:
    """One item. Raises InvalidRequest."""
    if isinstance(given, TextualMemoryItem):
        return given
    if isinstance(given, str):
        return TextualMemoryItem(memory=given)
    if isinstance(given, Mapping):
        return TextualMemoryItem(**cast(Mapping[str, Any], given))
    raise InvalidRequest(f"{what} must be an item, a mapping or a text, not {type(given).__name__}")


def apply_update(existing: TextualMemoryItem, given: Given) -> TextualMemoryItem:
    """The item after an update: a text replaces the text, a mapping the fields it names, an item everything but the id.

    Raises InvalidRequest.
    """
    if isinstance(given, str):
        return existing.model_copy(update={"memory": parse_item(given, "new_memory").memory})
    if not isinstance(given, Mapping):
        return parse_item(given, "new_memory").model_copy(update={"id": existing.id})
    changes: dict[str, Any] = dict(given)
    known: dict[str, Any] = existing.model_dump(exclude={"score", "parts"})
    metadata = changes.pop("metadata", {})
    if not isinstance(metadata, Mapping):
        raise InvalidRequest(f"new_memory.metadata must be a mapping, not {type(metadata).__name__}")
    if "importance" in metadata and "importance_at" not in metadata:
        metadata = {**metadata, "importance_at": None}  # it holds as of now
    merged: dict[str, Any] = {**known["metadata"], **cast(Mapping[str, Any], metadata)}
    fields: dict[str, Any] = {**known, **changes, "id": existing.id, "metadata": merged}
    return TextualMemoryItem(**fields)
