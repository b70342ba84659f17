"""What a cube is: up to three memories behind one door. Derive from it to keep a cube in a storage of your own.

A custom cube needs ``text_mem`` (and ``act_mem``, ``para_mem`` where it has them), ``dump`` and ``load``; the rest is
made of these. Of an object that is registered, MOS reads ``cube_id`` and ``text_mem``, through which it adds, searches
and changes; it calls ``get_all``, and ``dump`` and ``load`` for its own calls of that name, from several threads at
once. It never closes an object that it did not make.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Unpack

from memos.errors import InvalidRequest
from memos.memories.activation.base import BaseActMemory
from memos.memories.parametric.base import BaseParaMemory
from memos.memories.textual.base import BaseTextMemory, Given
from memos.memories.textual.item import TextualMemoryItem
from memos.recall.options import SearchKeywords


class BaseMemCube(ABC):
    """Memories of one owner. Errors are those of the memories: InvalidRequest, NotFound, Unavailable, Corrupt."""

    def __init__(self, *, user_id: str, cube_id: str) -> None:
        self.user_id = user_id
        self.cube_id = cube_id

    @property
    @abstractmethod
    def text_mem(self) -> BaseTextMemory | None:
        """Statements, or None when the cube has none."""

    @property
    def act_mem(self) -> BaseActMemory[Any] | None:
        """A model's states, or None when the cube has none."""
        return None

    @property
    def para_mem(self) -> BaseParaMemory[Any] | None:
        """A model's parameters, or None when the cube has none."""
        return None

    @abstractmethod
    def dump(self, directory: str | Path) -> None:
        """Write the whole cube into ``directory``, whole or not at all."""

    @abstractmethod
    def load(self, directory: str | Path, *, memory_types: Collection[str] | None = None) -> None:
        """Add what a dump has of these memories, of all by default, under the ids that it has there."""

    def get_all(self) -> dict[str, list[Any]]:
        """The items of each memory; an empty list for one that the cube does not have."""
        parts = {"text_mem": self.text_mem, "act_mem": self.act_mem, "para_mem": self.para_mem}
        return {name: [] if part is None else part.get_all() for name, part in parts.items()}

    def add(self, entry: Sequence[Given] | Given) -> list[str]:
        """Store textual memories and return their ids, in order. Raises InvalidRequest when the cube keeps no text."""
        return self._text().add(entry)

    def search(self, query: str, top_k: int = 5, **options: Unpack[SearchKeywords]) -> list[TextualMemoryItem]:
        """The best textual memories, best first, within the options (SearchKeywords).

        Raises InvalidRequest when the cube keeps no text.
        """
        return self._text().search(query, top_k, **options)

    def close(self) -> None:
        """Give the memories' connections back."""
        for part in (self.text_mem, self.act_mem, self.para_mem):
            if part is not None:
                part.close()

    def _text(self) -> BaseTextMemory:
        if self.text_mem is None:
            raise InvalidRequest(f"cube {self.cube_id!r} has no textual memory; give its configuration a text_mem")
        return self.text_mem
