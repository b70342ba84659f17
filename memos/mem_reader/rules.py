"""Reading without a model: shapes of words instead of understanding.

    message ──> sentences ──> worth keeping? ──> joined to what it leans on ──> dates, names, key, category ──> Fact

It keeps what people state and leaves out greetings, questions, requests, thanks and everything an assistant says.
The text of a fact is what was said, behind the speaker's name and with dates made absolute, because words that were
said are what people search for: ``Ana said: I moved to Lisbon last month (February 2025).``
"""

import re
from collections.abc import Sequence
from typing import Final, Self

from memos.configs.reading import ReadingConfig
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.dates import annotate_dates, find_dates
from memos.mem_reader.entities import find_entities
from memos.mem_reader.sentences import pack_sentences, split_sentences
from memos.mem_reader.speakers import find_name, is_person
from memos.mem_reader.statements import Statement, find_statements
from memos.mem_reader.subjects import find_category, find_key
from memos.mem_reader.words import is_first_person
from memos.types import MemoryType, Message, Role

# Nobody says so much at once: it is a document, kept whole in passages that an embedder can take.
DOCUMENT_CHARS: Final = 8_000
PASSAGE_CHARS: Final = 700
_LETTER: Final = re.compile(r"[^\W\d_]")


class RulesReader:
    """Facts by rules. Deterministic, without I/O; the time it takes is proportional to the text.

    Each conversation is read by itself, so that a batch of jobs gives what the jobs give one by one.
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
        return [_read_one(conversation.messages) for conversation in conversations]


def _read_one(messages: Sequence[Message]) -> list[Fact]:
    facts: dict[tuple[str, str], Fact] = {}
    for position, message in enumerate(messages):
        if not is_person(message):
            continue
        for fact in _read_message(messages, position):
            first = facts.setdefault((fact.speaker, fact.text.casefold()), fact)
            if first is not fact:
                facts[fact.speaker, fact.text.casefold()] = _with_evidence(first, fact.evidence)
    return list(facts.values())


def _with_evidence(fact: Fact, more: tuple[int, ...]) -> Fact:
    return fact.model_copy(update={"evidence": tuple(sorted({*fact.evidence, *more}))})


def _read_message(messages: Sequence[Message], position: int) -> list[Fact]:
    message = messages[position]
    if len(message.text) > DOCUMENT_CHARS:
        return _read_document(message, position)
    before = messages[position - 1] if position else None
    asked = before.text if before is not None and before.speaker != message.speaker else ""
    return [_build_fact(found, message, position) for found in find_statements(message.text, before=asked)]


def _read_document(message: Message, position: int) -> list[Fact]:
    # Its relative dates count from its own day, which is not known, so they are left alone.
    passages = pack_sentences(split_sentences(message.text), max_chars=PASSAGE_CHARS)
    return [
        Fact(
            text=_introduced(passage, find_name(message)),
            evidence=(position,),
            speaker=message.speaker,
            key=find_key(passage),
            entities=find_entities(passage),
        )
        for passage in passages
        if _LETTER.search(passage)
    ]


def _build_fact(statement: Statement, message: Message, position: int) -> Fact:
    text = statement.text
    about = f"{statement.question} {text}".strip()
    mentions = find_dates(text, message.said_at_ms)
    starts = [mention.at_ms for mention in mentions if not mention.is_end]
    ends = [mention.at_ms for mention in mentions if mention.is_end]
    is_own = message.role is Role.USER and (bool(statement.question) or is_first_person(text))
    return Fact(
        text=_introduced(annotate_dates(text, mentions), find_name(message), question=statement.question),
        evidence=(position - 1, position) if statement.question else (position,),
        memory_type=MemoryType.USER if is_own else MemoryType.LONG_TERM,
        category=find_category(text),
        speaker=message.speaker,
        key=find_key(about),
        entities=find_entities(about),
        valid_at_ms=starts[0] if starts else None,
        invalid_at_ms=ends[0] if ends else None,
    )


def _introduced(text: str, name: str, *, question: str = "") -> str:
    """``text`` behind who said it, as a sentence: an embedder finds ``Ana said: ...`` better than ``Ana: ...``."""
    if question:
        return f'{name + ", asked" if name else "Asked"} "{question}", said: {text}'
    return f"{name} said: {text}" if name else text
