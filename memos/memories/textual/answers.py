"""What a job keeps of its models' answers, so that another attempt replays them: JSON, in two steps.

    read    ──> {"facts": [...], "decisions": null}
    judged  ──> {"facts": [...], "decisions": [...]}

An answer that was stored before there were decisions is the list of its facts.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from memos.mem_reader.base import Fact
from memos.organize.decisions import Decision

_FACTS: Final = TypeAdapter(list[Fact])


class Answer(BaseModel):
    """The facts that were read, and what was decided of them; None before anything was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: tuple[Fact, ...]
    decisions: tuple[Decision, ...] | None = None


def parse_answer(stored: str) -> Answer:
    """An answer as it was stored, of either age."""
    if stored.lstrip().startswith("["):
        return Answer(facts=tuple(_FACTS.validate_json(stored)))
    return Answer.model_validate_json(stored)
