"""The places of sentences in a text. Unlike memos/mem_reader/sentences.py, this loses and changes nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from memos.documents.blocks import Block, split_blocks

_BOUNDARY: Final = re.compile(
    r"""(?P<stop>(?<![.!?…])[.!?…]++["'”’»)\]*_]*+)(?=\s) | (?<![。！？؟।])[。！？؟।]++["”’」』）]*+""", re.VERBOSE
)
_ABBREVIATION: Final = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|vs|no|nr|fig|eq|p|pp|cf|al|ca|e\.g|i\.e|etc|approx|jr|sr|inc|ltd|[a-z])$", re.IGNORECASE
)
_LONGEST_ABBREVIATION: Final = 8
_NEXT: Final = re.compile(r"\s*+(?P<next>\S)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """``text[start:end]``, a sentence or a heading, without white space at its ends; ``headings`` are above it."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    is_heading: bool = False


def find_sentences(text: str) -> Iterator[Span]:
    """The sentences of ``text``, in order; between them there is nothing but white space.

    They end at full stops and the like, of Chinese, Japanese, Arabic and Hindi too, and with their block. A full stop
    before a small letter or behind an abbreviation ends nothing. Costs time in proportion to the length.
    """
    for block in split_blocks(text):
        if block.is_heading:
            yield Span(start=block.start, end=block.end, headings=block.headings, is_heading=True)
        else:
            yield from _sentences_of(text, block)


def _sentences_of(text: str, block: Block) -> Iterator[Span]:
    start = block.start
    for match in _BOUNDARY.finditer(text, block.body, block.end):
        following = _NEXT.match(text, match.end(), block.end)
        if following is None:
            break
        if match["stop"] and not _ends_sentence(text, match, following["next"]):
            continue
        yield Span(start=start, end=match.end(), headings=block.headings)
        start = following.start("next")
    yield Span(start=start, end=block.end, headings=block.headings)


def _ends_sentence(text: str, match: re.Match[str], following: str) -> bool:
    if match["stop"] != ".":
        return True
    if following.islower():
        return False
    return _ABBREVIATION.search(text, max(0, match.start() - _LONGEST_ABBREVIATION), match.start()) is None
