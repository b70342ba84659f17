"""Whether a fact rests on nothing but an assistant's echo of what a person said, or on its mere question.

person:     I moved to Lisbon.
assistant:  So you moved to Lisbon, how nice!     "Ana moved to Lisbon", said here: an echo
assistant:  Your flight leaves at 9:40.           "Ana's flight leaves at 9:40": the assistant's own news
"""

from collections.abc import Sequence
from typing import Final

from memos.mem_reader.sentences import split_sentences
from memos.mem_reader.speakers import is_person
from memos.mem_reader.worth import is_question
from memos.types import Message
from memos.vec_dbs.words import words_of

# An echo follows what it repeats; looking further back would cost time and find little.
_LOOK_BACK: Final = 50


def is_echo(text: str, messages: Sequence[Message], evidence: Sequence[int]) -> bool:
    """Whether no person's message is evidence, and no word of ``text`` is the news of one that is.

    Words are compared, so nothing is told of a fact that is in another language than its evidence: it is no echo.
    """
    if any(is_person(messages[position]) for position in evidence):
        return False
    words = set(words_of(text))
    return not any(_has_news(words, messages, position) for position in evidence)


def _has_news(words: set[str], messages: Sequence[Message], position: int) -> bool:
    said = messages[position].text
    if not words & set(words_of(said)):
        return True  # nothing can be told
    stated = " ".join(sentence for sentence in split_sentences(said) if not is_question(sentence))
    return bool((words & set(words_of(stated))) - _heard(messages, position))


def _heard(messages: Sequence[Message], position: int) -> set[str]:
    """The words of what persons said before, and their names."""
    before = [message for message in messages[max(0, position - _LOOK_BACK) : position] if is_person(message)]
    return {word for message in before for word in words_of(f"{message.speaker} {message.text}")}
