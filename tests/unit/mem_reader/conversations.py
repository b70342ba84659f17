"""Short ways to write conversations in tests."""

from datetime import UTC, datetime
from itertools import count

from memos.ids import JobId, MessageId, UserId
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.rules import RulesReader
from memos.types import Message, Role

# A Monday.
SAID_AT = datetime(2025, 3, 10, 15, tzinfo=UTC)
SAID_AT_MS = int(SAID_AT.timestamp() * 1000)
_NUMBERS = count()


def message(text: str, *, role: Role = Role.USER, speaker: str = "Ana", said_at_ms: int = SAID_AT_MS) -> Message:
    """One message, said on Monday, 10 March 2025."""
    return Message(id=MessageId(f"m{next(_NUMBERS)}"), role=role, text=text, speaker=speaker, said_at_ms=said_at_ms)


def conversation(*messages: Message, job: str = "job") -> Conversation:
    """The messages of one job."""
    return Conversation(job=JobId(job), user=UserId("ana"), messages=messages)


def read(*messages: Message) -> list[Fact]:
    """What the rules find."""
    return RulesReader().read([conversation(*messages)])[0]


def read_text(text: str) -> list[Fact]:
    """What the rules find in one message of Ana's."""
    return read(message(text))


def day_ms(year: int, month: int, day: int) -> int:
    """The first millisecond of a day."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)
