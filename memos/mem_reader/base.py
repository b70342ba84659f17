"""What every reader does: conversations in, facts out. Ids, storage and retries are not its business."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from memos.configs.reading import ReadingConfig
from memos.ids import JobId, UserId
from memos.llms.base import LLM
from memos.types import Category, MemoryType, Message


class Fact(BaseModel):
    """One thing worth keeping. Serialised to JSON when an answer is stored before it is applied.

    ``evidence`` are positions in the conversation's ``messages`` and never empty. ``valid_at_ms`` is when the
    statement holds or happens, as against when it was said. ``info`` has the fields that an application asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    evidence: tuple[int, ...]
    memory_type: MemoryType = MemoryType.LONG_TERM
    category: Category = Category.FACT
    speaker: str = ""
    key: str = ""
    entities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    confidence: float = 1.0
    valid_at_ms: int | None = None
    invalid_at_ms: int | None = None
    info: Mapping[str, JsonValue] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """The messages of one job, in order. All of one ``read`` call belong to one lane."""

    job: JobId
    user: UserId
    messages: tuple[Message, ...]


class Reader(Protocol):
    """Finds what is worth remembering."""

    @property
    def keeps_answers(self) -> bool:
        """True when reading twice can differ or costs money: then the result is stored before it is applied."""
        ...

    @property
    def llm(self) -> LLM | None:
        """The model that it asks; None for one that asks none."""
        ...

    def for_cube(self, own: ReadingConfig) -> "Reader":
        """A reader over the same model that does what a cube wants, before what its own configuration says.

        One that asks no model does nothing of that: it returns itself.
        """
        ...

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        """The facts of each conversation, in the order given; one model call for all of them where there is a model.

        Raises Unavailable when the model is away, silent, or answers what cannot be used even when asked again.
        """
        ...
