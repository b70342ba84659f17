"""What a language model is asked during a search, and what it may answer: other queries, and which hits answer.

A question and a memory are only ever material: they stand in JSON strings, and what comes back is checked here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError

from memos.errors import Unavailable
from memos.llms.base import LLM
from memos.memories.textual.item import time_of
from memos.prompts import load_prompt
from memos.types import Hit
from memos.wellformed import without_controls

EXPAND_VERSION: Final = "expand_v1"
JUDGE_VERSION: Final = "judge_v1"
MAX_QUERIES: Final = 3
MAX_QUERY_CHARS: Final = 300
# A memory's text beyond is not shown; the first words of a passage tell what it is about.
MAX_SHOWN_CHARS: Final = 1_000


Answer = TypeVar("Answer", bound=BaseModel)


class _Queries(BaseModel):
    queries: list[str]


class _Relevant(BaseModel):
    relevant: list[int] = Field(max_length=1_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adviser:
    """Asks a model once a call. Raises Unavailable when it is away, or answers what cannot be used."""

    llm: LLM

    def expand(self, question: str) -> list[str]:
        """Up to MAX_QUERIES other texts to search for, none of them the question again."""
        answer = self._ask(EXPAND_VERSION, {"question": question}, _EXPANSION)
        found = _read(_Queries, answer).queries
        texts = [" ".join(without_controls(text).split())[:MAX_QUERY_CHARS] for text in found]
        distinct = {text.casefold(): text for text in texts if text and text.casefold() != question.casefold()}
        return list(distinct.values())[:MAX_QUERIES]

    def judge(self, question: str, hits: Sequence[Hit]) -> list[int]:
        """The places of the hits that answer, the most helpful first. A number that was not shown is left out."""
        shown = [
            {
                "number": number,
                "said": time_of(hit.memory.said_at_ms).date().isoformat(),
                "text": hit.memory.text[:MAX_SHOWN_CHARS],
            }
            for number, hit in enumerate(hits, start=1)
        ]
        answer = self._ask(JUDGE_VERSION, {"question": question, "memories": shown}, _judgement(len(hits)))
        named = dict.fromkeys(_read(_Relevant, answer).relevant)
        return [number - 1 for number in named if 1 <= number <= len(hits)]

    def _ask(self, version: str, material: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        chat = [
            {"role": "system", "content": load_prompt("memos.recall", version)},
            {"role": "user", "content": json.dumps(material, ensure_ascii=False)},
        ]
        return self.llm.generate(chat, json_schema=schema)


_EXPANSION: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"queries": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_QUERIES}},
    "required": ["queries"],
    "additionalProperties": False,
}


def _judgement(count: int) -> dict[str, Any]:
    numbers = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": count}}
    return {
        "type": "object",
        "properties": {"relevant": numbers},
        "required": ["relevant"],
        "additionalProperties": False,
    }


def _read(kind: type[Answer], answer: str) -> Answer:
    start, end = answer.find("{"), answer.rfind("}")
    try:
        return kind.model_validate_json(answer[start : end + 1] if start >= 0 else answer)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise Unavailable("llm", f"its answer cannot be used: {reason:.200}") from error
