"""Cutting text into sentences, in one pass over it, whatever it holds."""

import re
from collections.abc import Iterator
from typing import Final

from memos.wellformed import without_controls

MAX_SENTENCE_CHARS: Final = 500
_MIN_PIECE_CHARS: Final = 250

_FENCED_CODE: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# The look-behinds let a run of marks be tried only from its start: a million dots cost what a million letters do.
_BOUNDARY: Final = re.compile(
    r"""(?P<stop>(?<![.!?…])[.!?…]++["'”’)\]]*+)(?=\ ) | (?<![。！？؟])[。！？؟]++["”’」』）]*+""", re.VERBOSE
)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|no|e\.g|i\.e|etc|approx|a\.m|p\.m|jr|sr)|\b[A-Z])\.$", re.IGNORECASE
)
_LONGEST_ABBREVIATION: Final = 8


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text``, in order, none empty and none longer than MAX_SENTENCE_CHARS.

    Fenced code and control characters are left out, white space is made one space. A full stop before a small letter
    or after an abbreviation ends nothing. Costs time in proportion to the length.
    """
    lines = _FENCED_CODE.sub("\n", without_controls(text)).splitlines()
    sentences = (sentence for line in lines for sentence in _cut(" ".join(line.split())))
    return [piece for sentence in sentences for piece in _shorten(sentence)]


def pack_sentences(sentences: list[str], *, max_chars: int) -> list[str]:
    """Neighbouring sentences joined into passages of at most ``max_chars``, unless one alone is longer."""
    passages: list[str] = []
    for sentence in sentences:
        if passages and len(passages[-1]) + 1 + len(sentence) <= max_chars:
            passages[-1] += f" {sentence}"
        else:
            passages.append(sentence)
    return passages


def _cut(line: str) -> Iterator[str]:
    start = 0
    for match in _BOUNDARY.finditer(line):
        if match["stop"] and not _ends_sentence(line, match):
            continue
        yield line[start : match.end()].strip()
        start = match.end()
    yield line[start:].strip()


def _ends_sentence(line: str, match: re.Match[str]) -> bool:
    if match["stop"] != ".":
        return True
    if line[match.end() + 1 : match.end() + 2].islower():
        return False
    tail = line[max(0, match.start() - _LONGEST_ABBREVIATION) : match.end()]
    return _ABBREVIATION.search(tail) is None


def _shorten(sentence: str) -> Iterator[str]:
    start = 0
    while start < len(sentence):
        end = _find_end(sentence, start)
        piece = sentence[start:end].strip()
        if piece:
            yield piece
        start = end


def _find_end(sentence: str, start: int) -> int:
    furthest = start + MAX_SENTENCE_CHARS
    if furthest >= len(sentence):
        return len(sentence)
    for mark in ("; ", ", ", " "):
        position = sentence.rfind(mark, start + _MIN_PIECE_CHARS, furthest)
        if position > 0:
            return position + 1
    return furthest
