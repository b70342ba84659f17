"""Who of those who speak is a person, and how to call him."""

from typing import Final

from memos.types import Message, Role
from memos.wellformed import without_controls

_MACHINES: Final = frozenset(
    ("", "assistant", "ai", "ai assistant", "bot", "chatbot", "model", "agent", "system", "tool", "chatgpt", "claude")
)
_MAX_NAME_CHARS: Final = 80
_NAMELESS: Final = frozenset(("", "user", "human", "me"))


def is_person(message: Message) -> bool:
    """Whether a human wrote it: a user, or the other side of a dialogue between people, which bears a name."""
    if message.role is Role.ASSISTANT:
        return message.speaker.strip().casefold() not in _MACHINES
    return message.role is Role.USER


def find_name(message: Message) -> str:
    """The speaker's own name, empty when the message bears only a role."""
    name = " ".join(without_controls(message.speaker).split())[:_MAX_NAME_CHARS]
    return "" if name.casefold() in _NAMELESS else name
