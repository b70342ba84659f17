"""Documents cut into chunks of whole sentences.

text ──> sentences ──> those longer than a chunk: lines, else words ──> packed up to the token bound

     heading  s1  s2  s3  s4  s5  heading  s6
1    [--------------------]
2                    [--------]               overlaps 1
3                             [-------------]  a section begins a chunk, and repeats nothing
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import Final

from memos.configs.chunker import SentenceChunkerConfig
from memos.documents.sentences import Span, find_sentences
from memos.documents.tokens import CountTokens

# Some tokenizers take any word that they do not know for one token, however long it is.
MAX_CHUNK_CHARS: Final = 200_000
_LINE: Final = re.compile(r"[^\n]+")
_WORD: Final = re.compile(r"\S{1,200}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """``text`` is the document's text from ``start`` to ``end``; ``headings`` stand above it, the outermost first."""

    ordinal: int
    start: int
    end: int
    text: str
    token_count: int
    sentences: tuple[str, ...]
    headings: tuple[str, ...] = ()


class SentenceChunker:
    """Cuts texts by sentences. Pure: the same text always gives the same chunks."""

    def __init__(self, config: SentenceChunkerConfig, count: CountTokens) -> None:
        self._config = config
        self._count = count

    def chunk(self, text: str) -> list[Chunk]:
        """The chunks of ``text``, in order. Together they hold all of it but white space.

        None has more than ``chunk_size`` tokens. Each repeats as many of the last sentences of the one before as fit
        into ``chunk_overlap`` tokens, unless it begins a section of its own.
        """
        ruler = _Ruler(text, self._count)
        run = _Run(ruler, list(_shortened(ruler, self._config.chunk_size)))
        ranges = _Packing(run, self._config).ranges()
        return [_build_chunk(ruler, run.pieces[first:end], number) for number, (first, end) in enumerate(ranges)]


class _Ruler:
    """Measures parts of one text."""

    def __init__(self, text: str, count: CountTokens) -> None:
        self.text = text
        # What was found to fit is asked for again when its chunk is built, and words come again and again.
        self._count = lru_cache(maxsize=4096)(count)

    def tokens(self, start: int, end: int) -> int:
        return self._count(self.text[start:end])

    def fits(self, start: int, end: int, tokens: int) -> bool:
        return end - start <= MAX_CHUNK_CHARS and self.tokens(start, end) <= tokens

    def piece(self, span: Span) -> "_Piece":
        return _Piece(span=span, tokens=self.tokens(span.start, span.end))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """What is never cut any more. Tokens of neighbours add up to about those of both together, not exactly."""

    span: Span
    tokens: int


class _Run:
    """Neighbouring pieces of a text, and how many of them fit together."""

    def __init__(self, ruler: _Ruler, pieces: Sequence[_Piece]) -> None:
        self._ruler = ruler
        self.pieces = pieces
        self._sums = list(accumulate((piece.tokens for piece in pieces), initial=0))

    def sum(self, first: int, end: int) -> int:
        return self._sums[end] - self._sums[first]

    def fits(self, first: int, end: int, tokens: int) -> bool:
        return self._ruler.fits(self.pieces[first].span.start, self.pieces[end - 1].span.end, tokens)

    def find_end(self, first: int, least: int, tokens: int, stops: Callable[[int], bool] = lambda _: False) -> int:
        """How far one may go from ``first``, ``least`` being taken in any case, and no further than ``stops``."""
        end = least
        while end < len(self.pieces) and self.sum(first, end + 1) <= tokens and not stops(end):
            end += 1
        while end > least and not self.fits(first, end, tokens):
            end -= 1
        return end


class _Packing:
    """Sentences and headings as chunks."""

    def __init__(self, run: _Run, config: SentenceChunkerConfig) -> None:
        self._run = run
        self._spans = [piece.span for piece in run.pieces]
        self._config = config
        self._said = list(accumulate((not span.is_heading for span in self._spans), initial=0))

    def ranges(self) -> Iterator[tuple[int, int]]:
        first = fresh = 0
        while fresh < len(self._spans):
            end = self._find_end(first, fresh)
            yield first, end
            first, fresh = self._find_overlap(first, end), end

    def _find_end(self, first: int, fresh: int) -> int:
        """At least one fresh sentence; what follows while it fits, up to the next section."""

        def begins_section(place: int) -> bool:
            said = self._said[place] - self._said[first]
            return self._spans[place].is_heading and said >= self._config.min_sentences_per_chunk

        end = self._run.find_end(first, fresh + 1, self._config.chunk_size, begins_section)
        while fresh + 1 < end < len(self._spans) and self._spans[end - 1].is_heading:
            end -= 1  # a heading goes with what it heads
        return end

    def _find_overlap(self, previous: int, end: int) -> int:
        """Where the next chunk begins: as far back as it may repeat and still has room for a fresh sentence."""
        if end == len(self._spans) or self._spans[end].is_heading:
            return end
        size, overlap = self._config.chunk_size, self._config.chunk_overlap
        first = end
        while first - 1 > previous and self._run.sum(first - 1, end) <= overlap:
            first -= 1
        while first < end and not (self._run.fits(first, end, overlap) and self._run.fits(first, end + 1, size)):
            first += 1
        return first


def _shortened(ruler: _Ruler, size: int) -> Iterator[_Piece]:
    for span in find_sentences(ruler.text):
        if ruler.fits(span.start, span.end, size):
            yield ruler.piece(span)
            continue
        for line in _cut(ruler.text, span, _LINE):
            if ruler.fits(line.start, line.end, size):
                yield ruler.piece(line)
            else:
                yield from _packed_words(ruler, line, size)


def _packed_words(ruler: _Ruler, line: Span, size: int) -> Iterator[_Piece]:
    words = [part for word in _cut(ruler.text, line, _WORD) for part in _halved(ruler, word, size)]
    run = _Run(ruler, words)
    first = 0
    while first < len(words):
        end = run.find_end(first, first + 1, size)
        yield ruler.piece(replace(line, start=words[first].span.start, end=words[end - 1].span.end))
        first = end


def _halved(ruler: _Ruler, word: Span, size: int) -> Iterator[_Piece]:
    if word.end - word.start == 1 or ruler.fits(word.start, word.end, size):
        yield ruler.piece(word)
        return
    middle = (word.start + word.end) // 2
    yield from _halved(ruler, replace(word, end=middle), size)
    yield from _halved(ruler, replace(word, start=middle), size)


def _cut(text: str, span: Span, pattern: re.Pattern[str]) -> Iterator[Span]:
    for match in pattern.finditer(text, span.start, span.end):
        part = match.group()
        start, end = match.start() + len(part) - len(part.lstrip()), match.start() + len(part.rstrip())
        if start < end:
            yield replace(span, start=start, end=end)


def _build_chunk(ruler: _Ruler, pieces: Sequence[_Piece], ordinal: int) -> Chunk:
    spans = [piece.span for piece in pieces]
    start, end = spans[0].start, spans[-1].end
    return Chunk(
        ordinal=ordinal,
        start=start,
        end=end,
        text=ruler.text[start:end],
        token_count=ruler.tokens(start, end),
        sentences=tuple(ruler.text[span.start : span.end] for span in spans),
        headings=spans[0].headings,
    )
