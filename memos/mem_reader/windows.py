"""Cutting the messages of several conversations into inputs that a model can take."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memos.mem_reader.base import Conversation
from memos.types import Role

Cut = Callable[[str], Sequence[str]]
"""Where a text that is too long may be cut: its parts, in order, which may overlap. One may still be too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A message, or a part of a long one. ``number`` counts the messages of all conversations, from 1."""

    number: int
    conversation: int
    position: int
    text: str


def build_windows(
    conversations: Sequence[Conversation], *, max_chars: int, cut: Cut | None = None
) -> list[list[Excerpt]]:
    """What users and assistants said, in order, in as few windows of at most ``max_chars`` as that order allows.

    A message that is longer than a window is cut by ``cut``, else every ``max_chars``. A window has messages of one
    user's conversations only.
    """
    windows: list[list[Excerpt]] = []
    room, user = 0, None
    for excerpt in _list_excerpts(conversations, max_chars, cut):
        if len(excerpt.text) > room or conversations[excerpt.conversation].user != user:
            windows.append([])
            room, user = max_chars, conversations[excerpt.conversation].user
        windows[-1].append(excerpt)
        room -= len(excerpt.text)
    return windows


def _list_excerpts(conversations: Sequence[Conversation], max_chars: int, cut: Cut | None) -> Iterator[Excerpt]:
    number = 0
    for index, conversation in enumerate(conversations):
        for position, message in enumerate(conversation.messages):
            number += 1
            if message.role not in (Role.USER, Role.ASSISTANT) or not message.text.strip():
                continue
            for part in _cut(message.text, max_chars, cut):
                yield Excerpt(number=number, conversation=index, position=position, text=part)


def _cut(text: str, max_chars: int, cut: Cut | None) -> Iterator[str]:
    parts = [text] if cut is None or len(text) <= max_chars else cut(text)
    for part in parts:
        for start in range(0, len(part), max_chars):
            yield part[start : start + max_chars]
