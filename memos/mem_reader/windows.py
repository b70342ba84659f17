"""Cutting the messages of several conversations into inputs that a model can take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memos.mem_reader.base import Conversation
from memos.types import Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A message, or a part of a long one. ``number`` counts the messages of all conversations, from 1."""

    number: int
    conversation: int
    position: int
    text: str


def build_windows(conversations: Sequence[Conversation], *, max_chars: int) -> list[list[Excerpt]]:
    """What users and assistants said, in order, in as few windows of at most ``max_chars`` as that order allows."""
    windows: list[list[Excerpt]] = []
    room = 0
    for excerpt in _list_excerpts(conversations, max_chars):
        if len(excerpt.text) > room:
            windows.append([])
            room = max_chars
        windows[-1].append(excerpt)
        room -= len(excerpt.text)
    return windows


def _list_excerpts(conversations: Sequence[Conversation], max_chars: int) -> Iterator[Excerpt]:
    number = 0
    for index, conversation in enumerate(conversations):
        for position, message in enumerate(conversation.messages):
            number += 1
            if message.role not in (Role.USER, Role.ASSISTANT) or not message.text.strip():
                continue
            for start in range(0, len(message.text), max_chars):
                part = message.text[start : start + max_chars]
                yield Excerpt(number=number, conversation=index, position=position, text=part)
