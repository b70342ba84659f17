"""What a model is asked for and what it may answer: the schema, the check, and the step to facts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, Field, ValidationError

from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.echo import is_echo
from memos.mem_reader.speakers import is_person
from memos.mem_reader.wanted import MissingFieldError, Wanted, build_wanted_schema, take_wanted
from memos.mem_reader.windows import Excerpt
from memos.types import Category, MemoryType
from memos.wellformed import well_formed, without_controls

_MAX_TEXT_CHARS: Final = 1000
_MAX_NAME_CHARS: Final = 80
_MAX_ENTITIES: Final = 16
_SHOWN_CHARS: Final = 200
_TEXT: Final = {"type": "string"}
_DAY: Final = {"type": ["string", "null"]}
# More values than this some servers take in no enum.
_MAX_ENUM: Final = 250
_FACT_FIELDS: Final = {
    "category": {"type": "string", "enum": [category.value for category in Category]},
    "about_user": {"type": "boolean"},
    "key": _TEXT,
    "entities": {"type": "array", "items": _TEXT},
    "valid_from": _DAY,
    "valid_until": _DAY,
}


def _closed(fields: Mapping[str, Any]) -> dict[str, Any]:
    # Strict mode wants every field required and no other allowed.
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


class UnusableAnswerError(ValueError):
    """The model's answer is not JSON of the schema; the message says why, for the model to read."""


class _ExtractedFact(BaseModel):
    """A fact as a model writes it; what it leaves out beyond text and evidence has a default."""

    text: str = Field(min_length=1, max_length=_MAX_TEXT_CHARS)
    evidence: list[int] = Field(min_length=1)
    category: Category = Category.FACT
    about_user: bool = False
    key: str = Field(default="", max_length=_MAX_NAME_CHARS)
    entities: list[str] = []
    valid_from: str | None = None
    valid_until: str | None = None
    tags: object = None
    info: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """Facts, each with the index of its conversation, and how many facts, or fields of those kept, were dropped."""

    facts: tuple[tuple[int, Fact], ...]
    dropped: int
    dropped_fields: int = 0


def build_schema(window: Sequence[Excerpt], wanted: Wanted) -> dict[str, Any]:
    """The JSON Schema of an answer: evidence can only be a message of the window."""
    number: dict[str, Any] = {"type": "integer"}
    if len(window) <= _MAX_ENUM:
        number["enum"] = sorted({excerpt.number for excerpt in window})
    evidence = {"type": "array", "items": number}
    fact = _closed({"text": _TEXT, "evidence": evidence, **_FACT_FIELDS, **build_wanted_schema(wanted)})
    return _closed({"facts": {"type": "array", "items": fact}})


def build_question(conversations: Sequence[Conversation], window: Sequence[Excerpt]) -> str:
    """The messages of a window as JSON, so that no text can end its own quotation."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for excerpt in window:
        message = conversations[excerpt.conversation].messages[excerpt.position]
        groups.setdefault(excerpt.conversation, []).append(
            {
                "number": excerpt.number,
                "said": _format_day(message.said_at_ms),
                "speaker": message.speaker,
                "role": message.role.value,
                "text": well_formed(excerpt.text),
            }
        )
    return json.dumps({"conversations": list(groups.values())}, ensure_ascii=False)


def parse_answer(
    answer: str, conversations: Sequence[Conversation], window: Sequence[Excerpt], wanted: Wanted
) -> Extracted:
    """The facts of an answer. One that does not fit the schema, points at no message of the window or rests on an
    assistant's echo is dropped.

    Raises UnusableAnswerError when the answer as a whole cannot be used, or no fact of it for another reason than echo.
    """
    items = _load_items(answer)
    places = {excerpt.number: (excerpt.conversation, excerpt.position) for excerpt in window}
    read: list[_Read] = []
    last_error = ""
    for item in items:
        try:
            read.append(_to_fact(_ExtractedFact.model_validate(item), conversations, places, wanted))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            last_error = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        except (UnusableAnswerError, MissingFieldError) as error:
            last_error = str(error)
    if items and not read:
        raise UnusableAnswerError(f"no fact can be used; {last_error}")
    kept = [each for each in read if not _rests_on_echo(each, conversations)]
    return Extracted(
        facts=tuple((each.conversation, each.fact) for each in kept),
        dropped=len(items) - len(kept),
        dropped_fields=sum(each.dropped_fields for each in kept),
    )


def _load_items(answer: str) -> list[Any]:
    start, end = answer.find("{"), answer.rfind("}")
    if start < 0 or end < start:
        raise UnusableAnswerError(f"no JSON object in {answer[:_SHOWN_CHARS]!r}" if answer else "it is empty")
    try:
        loaded = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError) as error:
        raise UnusableAnswerError(f"not JSON: {error}") from error
    items = loaded.get("facts")
    if not isinstance(items, list):
        raise UnusableAnswerError('the field "facts" is not a list')
    return list(items)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    conversation: int
    fact: Fact
    dropped_fields: int


def _rests_on_echo(read: _Read, conversations: Sequence[Conversation]) -> bool:
    return is_echo(read.fact.text, conversations[read.conversation].messages, read.fact.evidence)


def _to_fact(
    found: _ExtractedFact,
    conversations: Sequence[Conversation],
    places: Mapping[int, tuple[int, int]],
    wanted: Wanted,
) -> _Read:
    known = [places[number] for number in found.evidence if number in places]
    text = _clean(found.text)
    if not known or not text:
        raise UnusableAnswerError(f"evidence {found.evidence[:5]} names no message of the input, or the text is empty")
    # A fact belongs to one job; of two jobs it belongs to the later, without which it was not known.
    index = max(conversation for conversation, _ in known)
    evidence = tuple(sorted({position for conversation, position in known if conversation == index}))
    taken = take_wanted(wanted, found.tags, found.info)
    fact = Fact(
        text=text,
        evidence=evidence,
        memory_type=MemoryType.USER if found.about_user else MemoryType.LONG_TERM,
        category=found.category,
        speaker=_find_speaker(conversations[index], evidence),
        key=_clean(found.key).lower(),
        entities=_clean_names(found.entities),
        valid_at_ms=_parse_day(found.valid_from),
        invalid_at_ms=_parse_day(found.valid_until),
        tags=taken.tags,
        info=taken.info,
    )
    return _Read(conversation=index, fact=fact, dropped_fields=taken.dropped)


def _find_speaker(conversation: Conversation, evidence: Sequence[int]) -> str:
    messages = [conversation.messages[position] for position in evidence]
    return next((message.speaker for message in messages if is_person(message)), messages[0].speaker)


def _clean(text: str) -> str:
    return " ".join(without_controls(text).split())


def _clean_names(names: Sequence[str]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(_clean(name)[:_MAX_NAME_CHARS] for name in names)
    return tuple(name for name in cleaned if name)[:_MAX_ENTITIES]


def _parse_day(text: str | None) -> int | None:
    """A day, a month or a year of ISO 8601 as its first millisecond, None for anything else."""
    for form in ("%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            return int(datetime.strptime((text or "")[:10], form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    return None


def _format_day(at_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, tz=UTC):%Y-%m-%d %A}"
    except (ValueError, OverflowError, OSError):
        return "unknown"
