"""From a message to statements that can stand alone."""

import re
from dataclasses import dataclass
from typing import Final

from memos.mem_reader.sentences import split_sentences
from memos.mem_reader.worth import continues_previous, is_question, is_small_talk, is_worth_keeping, without_opener

MAX_STATEMENT_CHARS: Final = 400
_MAX_ANSWER_WORDS: Final = 4
_MAX_QUESTION_CHARS: Final = 200
_YES_OR_NO: Final = re.compile(r"(?:yes|yeah|yep|yup|no|nope|nah|never|always|sometimes|both|neither)\b", re.IGNORECASE)
_PRONOUN: Final = re.compile(r"(?:he|she|they)\b", re.IGNORECASE)
_YOU: Final = re.compile(r"\byou", re.IGNORECASE)
# What an assistant asks about its own next step; the answer is no fact.
_OFFER: Final = re.compile(
    r"\b(?:shall|should|may|can|could|do you want|would you like|want|need) (?:I|we|me|us|any|some|a|to|the|more)\b"
    r"|\b(?:anything|what) else\b|\bhow (?:can|may) I\b|\bdoes (?:that|this)\b|\bis (?:that|this)\b|\bmake sense\b"
    r"|\bhow are you\b|\bhow(?:['’]s| is| was)\b|\bwhat['’]s (?:up|new)\b",
    re.IGNORECASE,
)
_NO_ANSWER: Final = re.compile(
    r"(?:thanks?|thank you|ok|okay|sure|great|perfect|cool|nice|wow|go ahead|please do|sounds|good"
    r"|almost|probably|perhaps|only|brilliant|fine|wonderful|lovely"
    r"|not (?:sure|yet|really)|i don['’]t know|no idea|maybe|hi|hey|hello|bye)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A sentence worth keeping with those that lean on it. ``question`` is what it answers, where that is needed."""

    text: str
    question: str = ""


def find_statements(text: str, *, before: str = "") -> list[Statement]:
    """The statements of a message. ``before`` is what the other side said last, for answers such as "Lisbon."."""
    sentences = split_sentences(text)
    question = _find_question(before)
    statements: list[Statement] = []
    if question and sentences and _needs_question(sentences[0], question):
        statements.append(Statement(text=sentences.pop(0), question=question))
    follows = bool(statements)
    for sentence in sentences:
        plain = without_opener(sentence)
        if follows and continues_previous(plain) and _has_room(statements[-1], sentence):
            statements[-1] = _joined(statements[-1], sentence)
            continue
        follows = is_worth_keeping(plain)
        if follows:
            statements.append(Statement(text=plain))
    return statements


def _find_question(text: str) -> str:
    # Only the end matters, and a long message is not read for it.
    sentences = split_sentences(text[-2 * _MAX_QUESTION_CHARS :])
    last = sentences[-1] if sentences else ""
    is_usable = is_question(last) and len(last) <= _MAX_QUESTION_CHARS and not _OFFER.search(last)
    return without_opener(last) if is_usable else ""


def _needs_question(sentence: str, question: str) -> bool:
    """Whether nobody could tell what a sentence says without the question before it."""
    if _PRONOUN.match(sentence):
        return is_worth_keeping(sentence)
    return _is_bare_answer(sentence, question)


def _is_bare_answer(sentence: str, question: str) -> bool:
    if is_question(sentence) or _NO_ANSWER.match(sentence) or not any(letter.isalnum() for letter in sentence):
        return False
    if _YES_OR_NO.match(sentence):
        return _YOU.search(question) is not None
    return len(sentence.split()) <= _MAX_ANSWER_WORDS and not is_small_talk(without_opener(sentence))


def _has_room(statement: Statement, sentence: str) -> bool:
    return len(statement.text) + 1 + len(sentence) <= MAX_STATEMENT_CHARS


def _joined(statement: Statement, sentence: str) -> Statement:
    return Statement(text=f"{statement.text} {sentence}", question=statement.question)
