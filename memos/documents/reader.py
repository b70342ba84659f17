"""Reading documents: every chunk is a memory, word for word."""

from collections.abc import Sequence
from typing import Self

from memos.configs.reading import ReadingConfig
from memos.documents.origin import find_origin
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.entities import find_entities
from memos.types import MemoryType, Message


class DocumentReader:
    """One OuterMemory for each message with a letter or a number in it. Deterministic, without I/O and model.

    Nothing is said about the user, and no day is taken from the text: a document's relative dates count from its own.
    """

    @property
    def keeps_answers(self) -> bool:
        return False

    @property
    def llm(self) -> None:
        return None

    def for_cube(self, own: ReadingConfig) -> Self:
        del own
        return self

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        return [
            [_build_fact(message, position) for position, message in enumerate(item.messages) if _says(message)]
            for item in conversations
        ]


def _says(message: Message) -> bool:
    return any(letter.isalnum() for letter in message.text)


def _build_fact(message: Message, position: int) -> Fact:
    origin = find_origin(message.speaker)
    return Fact(
        text=message.text,
        evidence=(position,),
        memory_type=MemoryType.OUTER,
        speaker=message.speaker if origin is None else origin.name,
        entities=find_entities(message.text),
    )
