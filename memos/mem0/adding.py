"""From what ``add`` was given to stored rows, with an entry in the history for each."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memos.clock import Clock
from memos.mem0.extraction import Extraction, attributed_to
from memos.mem0.history import History
from memos.mem0.payload import hash_of, parse_time_ms
from memos.mem0.rows import Rows
from memos.mem0.scope import Scope
from memos.memories.textual.item import TextualMemoryItem, TextualMemoryMetadata, time_of
from memos.memories.textual.payload import parse_messages, parse_text

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Belongings:
    """Whose the memories will be, and what is kept with each."""

    scope: Scope
    info: Mapping[str, Any]


class Adder:
    """Adds memories to one collection. ``changing`` is held while rows change."""

    def __init__(
        self, rows: Rows, history: History, extraction: Extraction, *, changing: threading.Lock, clock: Clock
    ) -> None:
        self._rows = rows
        self._history = history
        self._extraction = extraction
        self._changing = changing
        self._clock = clock

    def add_raw(self, messages: Messages, belongings: Belongings) -> list[dict[str, Any]]:
        """Each message but the system's is a memory, word for word, whether there is one of that text or not."""
        parse_messages(messages, now_ms=0)
        said = [message for message in messages if message["role"] != "system"]
        given = [(str(message["content"]), _speaker_of(message)) for message in said]
        items = [self._build(text, {**belongings.info, **speaker}, belongings.scope) for text, speaker in given]
        self._write(items)
        return [
            {**_event(item), "actor_id": item.metadata.info.get("actor_id"), "role": item.metadata.info["role"]}
            for item in items
        ]

    def add_facts(self, messages: Messages, belongings: Belongings, *, prompt: str | None) -> list[dict[str, Any]]:
        """What is worth remembering of the messages, but for what somebody of this scope has word for word."""
        scope = belongings.scope
        is_agents = "agent_id" in scope.ids and "user_id" not in scope.ids
        found = self._extraction.read(messages, prompt=prompt, is_agents=is_agents)
        items = [
            self._build(fact.memory, {**belongings.info, "attributed_to": attributed_to(fact)}, scope, like=fact)
            for fact in {fact.memory: fact for fact in found}.values()
        ]
        return [_event(item) for item in self._write(items, unless_there=scope)]

    def add_procedure(self, messages: Messages, belongings: Belongings, *, prompt: str | None) -> list[dict[str, Any]]:
        """One memory: how the agent went about its work, in the words of the language model."""
        parse_messages(messages, now_ms=0)
        text = parse_text(self._extraction.summarise(messages, prompt=prompt), "the summary")
        item = self._build(text, {**belongings.info, "memory_type": "procedural_memory"}, belongings.scope)
        self._write([item])
        return [_event(item)]

    def _build(
        self, text: str, info: Mapping[str, Any], scope: Scope, *, like: TextualMemoryItem | None = None
    ) -> TextualMemoryItem:
        now_ms = self._clock.now_ms()
        kept = dict(info)
        created = kept.pop("created_at", None)
        at = time_of(now_ms if created is None else parse_time_ms(created, "metadata['created_at']"))
        others = {name: value for name, value in scope.ids.items() if name != "user_id"}
        known: dict[str, Any] = {} if like is None else like.metadata.model_dump()
        metadata: dict[str, Any] = {
            **known,
            "user_id": scope.ids.get("user_id", ""),
            "created_at": at,
            "updated_at": at,
            "info": {**kept, **others, "hash": hash_of(text)},
        }
        sources = () if like is None else like.sources
        return TextualMemoryItem(
            id=str(uuid.uuid4()), memory=text, metadata=TextualMemoryMetadata(**metadata), sources=sources
        )

    def _write(self, items: Sequence[TextualMemoryItem], unless_there: Scope | None = None) -> list[TextualMemoryItem]:
        vectors = self._rows.embed([item.memory for item in items])
        pairs = list(zip(items, vectors, strict=True))
        with self._changing, self._history.writing() as entries:
            if unless_there is not None:
                pairs = [pair for pair in pairs if not self._rows.has(unless_there, hash_of(pair[0].memory))]
            written = [item for item, _ in pairs]
            entries.added(written)
            self._rows.put(written, [vector for _, vector in pairs])
        return written


def _speaker_of(message: Mapping[str, Any]) -> dict[str, str]:
    name = {"actor_id": message["name"]} if message.get("name") else {}
    return {"role": message["role"], **name}


def _event(item: TextualMemoryItem) -> dict[str, Any]:
    return {"id": item.id, "memory": item.memory, "event": "ADD"}
