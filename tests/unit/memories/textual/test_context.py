"""The text of what was said around a memory."""

from memos.ids import CubeId, MemoryId, MessageId, SessionId, UserId
from memos.memories.textual.context import MAX_MESSAGE_CHARS, describe
from memos.types import Memory, Role, Source

MEMORY = Memory(
    id=MemoryId("m"),
    cube=CubeId("c"),
    user=UserId("u"),
    session=SessionId("s"),
    text="Ana said: I like tea.",
    source_ids=(MessageId("own"),),
)


def said(text: str, *, name: str = "other", speaker: str = "Ana", role: Role = Role.USER) -> Source:
    return Source(
        message_id=MessageId(name), session=SessionId("s"), role=role, speaker=speaker, text=text, said_at_ms=0
    )


def test_each_message_stands_behind_its_speaker_in_the_order_of_speech() -> None:
    spoken = [said("Tea or coffee?", speaker="Ben"), said("Tea.", name="own")]
    assert describe(MEMORY, spoken) == "Ben: Tea or coffee?\nAna: Tea."


def test_a_document_was_said_by_nobody() -> None:
    assert describe(MEMORY, [said("Chapter one.", role=Role.TOOL)]) == ""
    assert describe(MEMORY, []) == ""


def test_a_message_that_is_too_long_is_told_by_the_memory_or_by_its_end() -> None:
    long = "x" * MAX_MESSAGE_CHARS + " the end"
    assert describe(MEMORY, [said(long, name="own")]) == MEMORY.text
    assert describe(MEMORY, [said(long)]) == f"Ana: {long[-MAX_MESSAGE_CHARS:]}"
