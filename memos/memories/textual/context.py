"""What was said around a memory, as one text: by it a memory is found that lacks the words of the question. Pure."""

from collections.abc import Sequence
from typing import Final

from memos.types import Memory, Role, Source

MAX_MESSAGE_CHARS: Final = 1_000


def describe(memory: Memory, spoken: Sequence[Source]) -> str:
    """The messages in their order, each behind its speaker's name; empty for a document, which nobody said.

    A message that is too long to be a context is told by what the memory took from it, or by its end.
    """
    return "\n".join(_line(memory, source) for source in spoken if source.role is not Role.TOOL)


def _line(memory: Memory, source: Source) -> str:
    if len(source.text) <= MAX_MESSAGE_CHARS:
        return f"{source.speaker}: {source.text}"
    if source.message_id in memory.source_ids:
        return memory.text
    return f"{source.speaker}: {source.text[-MAX_MESSAGE_CHARS:]}"
