"""What a model may answer to an inquiry: the schema, and the check against the memories that it was shown. Pure.

An answer names numbers alone, so that it can speak of nothing that was not shown. What fails the check is dropped and
counted; the rest counts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from memos.ids import MemoryId
from memos.mem_reader.words import STOPWORDS, WORD
from memos.organize.inquiry import MAX_WORDING_CHARS, Inquiry, show_fact
from memos.organize.summaries import Summary
from memos.organize.told import Wording, digest_children
from memos.types import Edge, EdgeType, Memory
from memos.wellformed import without_controls

MIN_EVIDENCE: Final = 2
_SHOWN_CHARS: Final = 200
_NUMBER: Final = re.compile(r"\d+")

Item = TypeVar("Item", bound=BaseModel)


class UnusableReplyError(ValueError):
    """The answer as a whole is not of the schema; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What of an answer counts, and how many other parts of it were dropped."""

    wordings: Mapping[MemoryId, Wording]
    relations: tuple[Edge, ...]
    dropped: int


class _Sentence(BaseModel):
    """A summary as a model writes it; numbers among its facts that do not count are dropped one by one."""

    model_config = ConfigDict(extra="forbid")

    cluster: StrictInt
    text: StrictStr
    facts: list[object]


class _Relation(BaseModel):
    """A relation as a model writes it."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["CAUSE", "RELATES"]
    source: StrictInt = Field(alias="from")
    target: StrictInt = Field(alias="to")


def build_schema(inquiry: Inquiry) -> dict[str, Any]:
    """The JSON Schema of an answer: only numbers that were given can stand in it."""
    fact = {"type": "integer", "enum": list(range(1, len(inquiry.facts) + 1))}
    relation = {"type": {"type": "string", "enum": ["CAUSE", "RELATES"]}, "from": fact, "to": fact}
    fields: dict[str, Any] = {"relations": {"type": "array", "items": _closed(relation)}}
    if inquiry.summaries:
        cluster = {"type": "integer", "enum": list(range(1, len(inquiry.summaries) + 1))}
        sentence = {"cluster": cluster, "text": {"type": "string"}, "facts": {"type": "array", "items": fact}}
        fields = {"summaries": {"type": "array", "items": _closed(sentence)}, **fields}
    return _closed(fields)


def parse_reply(answer: str, inquiry: Inquiry, *, model: str) -> Reply:
    """What counts of ``model``'s answer. Raises UnusableReplyError when the answer as a whole cannot be used."""
    loaded = _load(answer)
    sentences, relations = _list_of(loaded, "summaries"), _list_of(loaded, "relations")
    wordings: dict[MemoryId, Wording] = {}
    dropped = 0
    for raw in sentences:
        sentence = _parse(_Sentence, raw)
        summary = None if sentence is None else inquiry.find_summary(sentence.cluster)
        if sentence is None or summary is None or summary.memory.id in wordings:
            dropped += 1
            continue
        evidence = _find_evidence(sentence, summary, inquiry)
        dropped += len(sentence.facts) - len(evidence)
        text = " ".join(without_controls(sentence.text).split())
        if not _counts(text, summary, evidence, inquiry):
            dropped += 1
            continue
        wordings[summary.memory.id] = _build_wording(text, summary, evidence, inquiry, model)
    edges = _to_edges(relations, inquiry)
    return Reply(wordings=wordings, relations=edges, dropped=dropped + len(relations) - len(edges))


def _find_evidence(sentence: _Sentence, summary: Summary, inquiry: Inquiry) -> list[Memory]:
    """The summary's own memories that it names, each once."""
    numbers = [each for each in sentence.facts if isinstance(each, int) and not isinstance(each, bool)]
    facts = (inquiry.find_fact(number) for number in dict.fromkeys(numbers))
    return [fact for fact in facts if fact is not None and fact.id in summary.children]


def _counts(text: str, summary: Summary, evidence: Sequence[Memory], inquiry: Inquiry) -> bool:
    """Whether it is a short text on enough memories, without a number or a name that none of these has."""
    if not text or len(text) > MAX_WORDING_CHARS or len(evidence) < MIN_EVIDENCE:
        return False
    known = " ".join((summary.memory.key, *(part for fact in evidence for part in show_fact(fact).values() if part)))
    named = {name for fact in inquiry.facts for name in (*fact.entities, fact.speaker)}
    strange = {name for name in named if _names(text, name) and not _names(known, name)}
    return not strange and _numbers(text) <= _numbers(known)


def _build_wording(text: str, summary: Summary, evidence: Sequence[Memory], inquiry: Inquiry, model: str) -> Wording:
    children = [fact for fact in inquiry.facts if fact.id in summary.children]
    rests_on = tuple(fact.id for fact in evidence)
    return Wording(text=text, rests_on=rests_on, model=model, shown=digest_children(children))


def _names(text: str, name: str) -> bool:
    words = _words(name)
    return bool(words) and words not in STOPWORDS and f" {words} " in f" {_words(text)} "


def _words(text: str) -> str:
    return " ".join(word.removesuffix("'s").removesuffix("’s") for word in WORD.findall(text.casefold()))


def _numbers(text: str) -> set[str]:
    return {number.lstrip("0") or "0" for number in _NUMBER.findall(text)}


def _to_edges(relations: Sequence[object], inquiry: Inquiry) -> tuple[Edge, ...]:
    """One a pair and no more of them than memories; the first counts."""
    found: dict[frozenset[MemoryId], Edge] = {}
    for raw in relations:
        edge = _to_edge(raw, inquiry)
        if edge is not None and len(found) < len(inquiry.facts):
            found.setdefault(frozenset((edge.source, edge.target)), edge)
    return tuple(found.values())


def _to_edge(raw: object, inquiry: Inquiry) -> Edge | None:
    relation = _parse(_Relation, raw)
    if relation is None:
        return None
    ends = inquiry.find_fact(relation.source), inquiry.find_fact(relation.target)
    if relation.type == "RELATES" and relation.source < relation.target:
        ends = ends[1], ends[0]  # as everywhere, from what was said later
    source, target = ends
    if source is None or target is None or source is target:
        return None
    return Edge(source=source.id, target=target.id, type=EdgeType(relation.type))


def _parse(kind: type[Item], raw: object) -> Item | None:
    try:
        return kind.model_validate(raw)
    except ValidationError:
        return None


def _closed(fields: Mapping[str, Any]) -> dict[str, Any]:
    # Strict mode wants every field required and no other allowed.
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _load(answer: str) -> Mapping[str, object]:
    start, end = answer.find("{"), answer.rfind("}")
    try:
        loaded = json.loads(answer[start : end + 1] if start >= 0 else answer)
    except (ValueError, RecursionError) as error:
        raise UnusableReplyError(f"{answer[:_SHOWN_CHARS]!r} is not JSON: {error}") from error
    if not isinstance(loaded, dict) or not {"summaries", "relations"} & loaded.keys():
        raise UnusableReplyError('it has neither "summaries" nor "relations"')
    return loaded


def _list_of(loaded: Mapping[str, object], name: str) -> Sequence[object]:
    items = loaded.get(name, [])
    if not isinstance(items, list):
        raise UnusableReplyError(f'the field "{name}" is not a list')
    return items
