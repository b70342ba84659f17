"""What a judge is shown and what it may answer: the question, its schema, and the check. Pure.

Every memory has a number, the known ones before the new ones; an answer names numbers alone. So it can speak of nothing
that was not shown, and a new memory concerns only what has a smaller number than itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from memos.ids import MemoryId
from memos.organize.decisions import Action, Decision
from memos.types import Memory
from memos.wellformed import well_formed

ADD: Final = "add"
_SHOWN_CHARS: Final = 200


class UnusableJudgementError(ValueError):
    """The answer as a whole is not of the schema; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What one call compares: known memories of a user, and the new ones that are open, in the order told."""

    known: tuple[Memory, ...]
    new: tuple[Memory, ...]

    def find(self, number: int) -> MemoryId | None:
        """The memory of a number, if there is one."""
        shown = (*self.known, *self.new)
        return shown[number - 1].id if 1 <= number <= len(shown) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Decisions, at most one a pair, and how many others were dropped."""

    decisions: tuple[Decision, ...]
    dropped: int


class _Item(BaseModel):
    """A decision as a model writes it."""

    model_config = ConfigDict(extra="forbid")

    new: StrictInt
    action: Action | Literal["add"] = Field(union_mode="left_to_right")
    known: StrictInt | None


def build_schema(question: Question) -> dict[str, Any]:
    """The JSON Schema of an answer: only numbers that were given can stand in it."""
    first, last = len(question.known) + 1, len(question.known) + len(question.new)
    fields = {
        "new": {"type": "integer", "enum": list(range(first, last + 1))},
        "action": {"type": "string", "enum": [ADD, *(action.value for action in Action)]},
        "known": {"type": ["integer", "null"], "enum": [*range(1, last), None]},
    }
    return _closed({"decisions": {"type": "array", "items": _closed(fields)}})


def build_material(question: Question) -> str:
    """The memories as JSON, so that no text can end its own quotation."""
    shown = [_show(number, memory) for number, memory in enumerate((*question.known, *question.new), start=1)]
    count = len(question.known)
    return json.dumps({"known": shown[:count], "new": shown[count:]}, ensure_ascii=False)


def parse_judgement(answer: str, question: Question) -> Judged:
    """The decisions of an answer; one that is not of the schema, or the second of a pair, is dropped.

    Raises UnusableJudgementError when the answer as a whole cannot be used.
    """
    decided: dict[tuple[MemoryId, MemoryId], Decision] = {}
    dropped = 0
    for raw in _load(answer):
        item = _parse(raw)
        if item is not None and item.action == ADD:
            continue
        decision = None if item is None else _to_decision(item, question)
        if decision is None or (decision.new, decision.known) in decided:
            dropped += 1
            continue
        decided[decision.new, decision.known] = decision
    return Judged(decisions=tuple(decided.values()), dropped=dropped)


def _show(number: int, memory: Memory) -> Mapping[str, Any]:
    return {
        "number": number,
        "said": _day(memory.said_at_ms),
        "speaker": well_formed(memory.speaker),
        "text": well_formed(memory.text),
        "from": _day(memory.valid_at_ms),
        "until": _day(memory.invalid_at_ms),
    }


def _day(at_ms: int | None) -> str | None:
    try:
        return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, tz=UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _closed(fields: Mapping[str, Any]) -> dict[str, Any]:
    # Strict mode wants every field required and no other allowed.
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _load(answer: str) -> Sequence[object]:
    start, end = answer.find("{"), answer.rfind("}")
    try:
        loaded = json.loads(answer[start : end + 1] if start >= 0 else answer)
    except (ValueError, RecursionError) as error:
        raise UnusableJudgementError(f"{answer[:_SHOWN_CHARS]!r} is not JSON: {error}") from error
    items = loaded.get("decisions") if isinstance(loaded, dict) else None
    if not isinstance(items, list):
        raise UnusableJudgementError('the field "decisions" is not a list')
    return items


def _parse(raw: object) -> _Item | None:
    try:
        return _Item.model_validate(raw)
    except ValidationError:
        return None


def _to_decision(item: _Item, question: Question) -> Decision | None:
    if item.known is None or not item.known < item.new or item.new <= len(question.known):
        return None
    new, known = question.find(item.new), question.find(item.known)
    if new is None or known is None:
        return None
    return Decision(new=new, action=Action(item.action), known=known)
