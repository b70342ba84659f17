"""Changing and removing memories, with an entry in the history for each."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from memos.clock import Clock
from memos.errors import InvalidRequest
from memos.mem0.history import History
from memos.mem0.payload import fields_of, hash_of, parse_metadata
from memos.mem0.rows import Rows
from memos.mem0.scope import Scope
from memos.memories.textual.item import TextualMemoryItem, TextualMemoryMetadata, time_of
from memos.memories.textual.payload import parse_text

# So that a change of very many memories holds the history's database for short times only.
DELETED_AT_ONCE: Final = 500


class Changer:
    """Changes memories of one collection. ``changing`` is held while rows change."""

    def __init__(self, rows: Rows, history: History, *, changing: threading.Lock, clock: Clock) -> None:
        self._rows = rows
        self._history = history
        self._changing = changing
        self._clock = clock

    def update(
        self,
        memory_id: str,
        *,
        text: str | None,
        metadata: Mapping[str, Any] | None,
        changes: Mapping[str, Any],
    ) -> None:
        """Replace the text, the named metadata, and what ``changes`` says of the rest. Raises NotFound."""
        if text is None and metadata is None and not changes:
            raise InvalidRequest("give at least one of text, metadata and expiration_date")
        vectors = [] if text is None else self._rows.embed([parse_text(text, "text")], purpose="update")
        with self._changing:
            old, vector = self._rows.get(memory_id)
            wanted = {**parse_metadata(metadata or {}, fields_of(old)), **changes}
            new = self._build_next(old, old.memory if text is None else text, wanted)
            with self._history.writing() as entries:
                entries.updated(old, new)
                self._rows.put([new], vectors or [vector])

    def delete(self, memory_id: str) -> None:
        """Remove one memory. Raises NotFound."""
        with self._changing:
            item, _ = self._rows.get(memory_id)
            self._delete([item])

    def delete_all(self, scope: Scope) -> None:
        """Remove the memories of all that the scope names together."""
        with self._changing:
            items = list(self._rows.list(scope.labels))
            for start in range(0, len(items), DELETED_AT_ONCE):
                self._delete(items[start : start + DELETED_AT_ONCE])

    def reset(self) -> None:
        """Remove everything, the history too."""
        with self._changing, self._history.writing() as entries:
            entries.forget()
            self._rows.clear()

    def _build_next(self, old: TextualMemoryItem, text: str, changes: Mapping[str, Any]) -> TextualMemoryItem:
        known: dict[str, Any] = old.metadata.model_dump()
        known["info"] = {**old.metadata.info, **changes, "hash": hash_of(text)}
        known["updated_at"] = time_of(self._clock.now_ms())
        known["version"] = old.metadata.version + 1
        return old.model_copy(update={"memory": text, "metadata": TextualMemoryMetadata(**known)})

    def _delete(self, items: Sequence[TextualMemoryItem]) -> None:
        with self._history.writing() as entries:
            entries.deleted(items, time_of(self._clock.now_ms()).isoformat())
            self._rows.delete(items)
